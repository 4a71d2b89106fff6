/** Meetings in a cluster that is hurt in every way: what was acknowledged or seen stays, and everybody has all in the end. */

import type { Publisher } from '@meetcast/client';
import { type FaultProxy, openFaultProxy } from '@meetcast/testing';
import { inTime } from '@meetcast/testing/chaos';
import { seeded } from '../../packages/server/test/support/random.ts';
import type { Cluster, ClusterOptions } from './cluster.ts';
import { bringAbout, plan, type Trouble, type Weather } from './cluster-troubles.ts';
import { sources } from './paced-meeting.ts';
import { mintToken } from './start-hub.ts';
import {
  expectKept,
  expectWhole,
  finish,
  gather,
  leave,
  speak,
  type WatchedMeeting,
} from './watched-meeting.ts';

export interface ClusterRun extends Weather {
  seed: number;
  start: (options: ClusterOptions) => Promise<Cluster>;
  meetings: number;
  viewers: number;
  /** How many times real time the senders speak. */
  speedUp: number;
}

/** What a run tells of itself. */
export interface ClusterFigures {
  troubles: Partial<Record<Trouble['kind'], number>>;
  words: number;
  entries: number;
  reconnects: { viewers: number; senders: number };
  /** The longest time in which no viewer of a meeting heard a final of it. */
  worstSilenceMs: number;
  /** The most audio that a sender had to keep. */
  worstKeptMs: number;
  /** From the end of the last trouble until every word was stored, and then until every viewer had all. */
  storedAfterMs: number;
  seenAfterMs: number;
}

const settleMs = 240_000;

/** Runs it, and throws at the first word that is not where it must be. */
export async function weather(run: ClusterRun): Promise<ClusterFigures> {
  const troubles = plan(run, seeded(run.seed));
  const cluster = await run.start({ nodes: run.nodes, limits: { headCheckMs: 2_000 } });
  const links: FaultProxy[] = [];
  const all: WatchedMeeting[] = [];
  try {
    const tenant = `storm-${run.seed}-${Date.now().toString(36)}`;
    const token = await mintToken({ tenant });
    for (let index = 0; index < run.meetings; index += 1) {
      const ports = new Map<string, number>();
      for (const who of [
        ...sources,
        ...Array.from({ length: run.viewers }, (_, place) => `viewer ${place}`),
      ]) {
        const link = await openFaultProxy(cluster.door);
        links.push(link);
        ports.set(who, link.port);
      }
      const url = (who: string) => `http://127.0.0.1:${ports.get(who)}`;
      const ref = { tenant, id: `meeting-${index}` };
      const { viewers, speedUp } = run;
      const words = { seed: run.seed * 1_000 + index, speedUp };
      all.push(gather({ ref, viewers, url, token, ...words, ...clientLinks }));
    }
    return await endure(run, troubles, cluster, all, links);
  } catch (error) {
    throw new Error(`${String(error)}\n${JSON.stringify(troubles)}`, { cause: error });
  } finally {
    all.forEach(leave);
    for (const link of links) await link.close();
    await cluster.close();
  }
}

const clientLinks = { backoff: { minMs: 100, maxMs: 1_000 }, heartbeatMs: 1_500, connectTimeoutMs: 2_000 };

async function endure(
  run: ClusterRun,
  troubles: Trouble[],
  cluster: Cluster,
  all: WatchedMeeting[],
  links: FaultProxy[],
): Promise<ClusterFigures> {
  let isOver = false;
  let worstKeptMs = 0;
  const voices = all.flatMap(({ talkers }) => talkers.map(({ voice }) => voice));
  all.forEach(speak);
  const watching = setInterval(() => {
    worstKeptMs = Math.max(worstKeptMs, ...voices.map(({ sender }) => sender.bufferedMs));
  }, 250);
  const looking = lookAgainAndAgain(cluster, all, () => isOver);
  looking.catch(() => {});
  try {
    await Promise.all([
      bringAbout(troubles, cluster, links),
      new Promise((resolve) => setTimeout(resolve, run.ms)),
    ]);
    isOver = true;
    const healedAt = performance.now();
    await looking;
    const spoken = Promise.all(all.map(finish));
    if (!(await inTime(settleMs, spoken)))
      throw new Error(`not done within ${settleMs} ms:\n${unfinished(all).join('\n')}`);
    const storedAt = performance.now();
    for (const meeting of all) await expectWhole(cluster.store, meeting, { timeout: settleMs });
    const seenAt = performance.now();
    return {
      ...countsOf(troubles, all),
      worstSilenceMs: Math.round(Math.max(...all.map(silenceIn))),
      worstKeptMs: Math.round(worstKeptMs),
      storedAfterMs: Math.round(storedAt - healedAt),
      seenAfterMs: Math.round(seenAt - storedAt),
    };
  } finally {
    isOver = true;
    clearInterval(watching);
  }
}

/** Nothing that anybody has seen or was promised is ever missing or changed. */
async function lookAgainAndAgain(cluster: Cluster, all: WatchedMeeting[], isOver: () => boolean) {
  while (!isOver()) {
    for (const meeting of all) await expectKept(cluster.store, meeting);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

function countsOf(troubles: Trouble[], all: WatchedMeeting[]) {
  const kinds: ClusterFigures['troubles'] = {};
  for (const { kind } of troubles) kinds[kind] = (kinds[kind] ?? 0) + 1;
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
  const breaks = (stories: { story: string[] }[]) =>
    sum(stories.map(({ story }) => story.filter((line) => line.includes(' reconnecting ')).length));
  const talkers = all.flatMap((meeting) => meeting.talkers);
  return {
    troubles: kinds,
    words: sum(talkers.map(({ voice }) => voice.speaker.words.length)),
    entries: sum(all.map(({ watchers }) => watchers[0]?.entries.length ?? 0)),
    reconnects: { viewers: breaks(all.flatMap(({ watchers }) => watchers)), senders: breaks(talkers) },
  };
}

function silenceIn({ watchers }: WatchedMeeting): number {
  const finals = watchers.flatMap(({ entries }) => entries.filter(({ type }) => type === 'transcript.final'));
  const instants = finals.map(({ at }) => at).sort((one, other) => one - other);
  return Math.max(0, ...instants.slice(1).map((at, index) => at - (instants[index] ?? 0)));
}

function unfinished(all: WatchedMeeting[]): string[] {
  const isDone = ({ connection }: Publisher) => connection === 'closed';
  return all.flatMap(({ ref, talkers }) =>
    talkers
      .filter(({ voice }) => !isDone(voice.sender))
      .map(({ voice, story }) => {
        const { durableMs, bufferedMs } = voice.sender;
        return `${voice.source} of ${ref.id}: ${JSON.stringify({ durableMs, bufferedMs })} ${story.slice(-8).join('; ')}`;
      }),
  );
}
