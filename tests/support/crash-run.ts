/** Four meetings in a hub that is killed again and again: what was acknowledged or seen must be there each time. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '@meetcast/server';
import { postgresStore } from '@meetcast/server/postgres';
import { sqliteStore } from '@meetcast/server/sqlite';
import { type DeepgramSimulator, startDeepgramSimulator } from '@meetcast/testing';
import { seeded } from '../../packages/server/test/support/random.ts';
import { HubProcess } from './hub-process.ts';
import { mintToken, secret, unhurried } from './start-hub.ts';
import {
  expectKept,
  expectWhole,
  finish,
  gather,
  leave,
  speak,
  type WatchedMeeting,
} from './watched-meeting.ts';

export interface CrashRun {
  seed: number;
  crashes: number;
  program: string;
  /** A directory for SQLite, or the address of a PostgreSQL. */
  store: { folder: string } | { url: string };
}

/** What a run tells of itself. */
export interface CrashFigures {
  crashes: number;
  /** Killed before the hub listened. */
  crashesWhileStarting: number;
  wordsSaid: number;
  startMs: { median: number; worst: number };
  /** From the start of the process to the first final that any viewer saw of it. */
  firstFinalMs: { median: number; worst: number };
}

const meetings = ['one', 'two', 'three', 'four'];
const speedUp = 4;
/** Every second hub has a store that takes its time, so that a crash is likely to come in the middle of a write. */
const slowStoreMs = 150;

/** Runs it, and throws at the first word that is not where it must be. */
export async function crashAgainAndAgain(run: CrashRun): Promise<CrashFigures> {
  const simulator = await startDeepgramSimulator({ pace: 0 });
  const hub = new HubProcess(run.program, settingsOf(run, simulator));
  const tenant = `crash-${run.seed}-${Date.now().toString(36)}`;
  const cleanUp: (() => unknown)[] = [() => simulator.close(), () => hub.kill()];
  try {
    await hub.begin().listening;
    const token = await mintToken({ tenant });
    const url = () => `http://127.0.0.1:${hub.port}`;
    const all = meetings.map((id, index) =>
      gather({
        ref: { tenant, id },
        viewers: 2,
        seed: run.seed * 100 + index,
        speedUp,
        url,
        token,
        ...links,
      }),
    );
    cleanUp.push(() => all.forEach(leave));
    return await crash(run, hub, all);
  } catch (error) {
    throw new Error(`seed ${run.seed}: ${String(error)}\nthe hub said: ${hub.said}`, { cause: error });
  } finally {
    for (const step of cleanUp.reverse()) await step();
  }
}

const links = { backoff: { minMs: 20, maxMs: 200 }, connectTimeoutMs: 10_000 };

const settingsOf = ({ store }: CrashRun, { url }: DeepgramSimulator) => ({
  store,
  simulatorUrl: url,
  secret,
  port: 0,
  limits: unhurried,
  dawdleMs: slowStoreMs,
});

async function crash(run: CrashRun, hub: HubProcess, all: WatchedMeeting[]): Promise<CrashFigures> {
  const random = seeded(run.seed);
  all.forEach(speak);
  const starts: number[] = [];
  const firstFinals: number[] = [];
  let crashesWhileStarting = 0;
  await pause(500 + 1_000 * random());
  for (let count = 0; count < run.crashes; count += 1) {
    await hub.kill();
    await inspect(run, all, expectKept);
    const from = performance.now();
    const { listening } = hub.begin(count % 2 === 0 ? 0 : slowStoreMs);
    const isEarly = random() < 0.2;
    if (isEarly) {
      crashesWhileStarting += 1;
      await pause(400 * random());
      continue;
    }
    await listening;
    starts.push(performance.now() - from);
    await pause(1_800 * random());
    const first = firstFinalAfter(all, from);
    if (first !== undefined) firstFinals.push(first - from);
  }
  // Two of them at once would share a store and a port.
  await hub.kill();
  await hub.begin(0).listening;
  await Promise.all(all.map(finish));
  await inspect(run, all, expectWhole);
  const wordsSaid = all.flatMap(({ talkers }) => talkers.flatMap(({ voice }) => voice.speaker.words)).length;
  return {
    crashes: run.crashes,
    crashesWhileStarting,
    wordsSaid,
    startMs: spread(starts),
    firstFinalMs: spread(firstFinals),
  };
}

/** Looks at what the hub left. */
async function inspect(
  { store }: CrashRun,
  all: WatchedMeeting[],
  look: (store: Store, meeting: WatchedMeeting) => Promise<void>,
): Promise<void> {
  const left = openLeft(store);
  try {
    for (const meeting of all) await look(left.store, meeting);
  } finally {
    await left.close();
  }
}

/** The files as the crash left them are copied, so that it is the hub that has to mend them. */
function openLeft(store: CrashRun['store']): { store: Store; close: () => Promise<void> } {
  if ('url' in store) {
    const opened = postgresStore(store);
    return { store: opened, close: () => opened.close() };
  }
  const copy = mkdtempSync(join(tmpdir(), 'meetcast-crashed-'));
  cpSync(store.folder, copy, { recursive: true });
  const opened = sqliteStore({ folder: copy });
  return {
    store: opened,
    async close() {
      await opened.close();
      rmSync(copy, { recursive: true, force: true });
    },
  };
}

function firstFinalAfter(all: WatchedMeeting[], from: number): number | undefined {
  const instants = all.flatMap(({ watchers }) =>
    watchers.flatMap(({ entries }) =>
      entries.filter(({ type, at }) => type === 'transcript.final' && at > from).map(({ at }) => at),
    ),
  );
  return instants.length === 0 ? undefined : Math.min(...instants);
}

function spread(values: number[]): { median: number; worst: number } {
  const sorted = [...values].sort((one, other) => one - other);
  return {
    median: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
    worst: Math.round(sorted.at(-1) ?? 0),
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
