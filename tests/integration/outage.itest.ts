import { subscribe } from '@meetcast/client';
import { postgresStore } from '@meetcast/server/postgres';
import { type FaultProxy, openFaultProxy } from '@meetcast/testing';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { type PacedMeeting, pacedMeeting, sources } from '../support/paced-meeting.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { wordsIn } from '../support/speech.ts';
import { type Stage, startHub } from '../support/start-hub.ts';

/** `pnpm prove outages` makes it 15 s. */
const awayMs = Number(process.env.MEETCAST_OUTAGE_MS ?? 4_000);
/** How fast it was says something of the hub only if the machine has nothing else to do, as where it is proved. */
const isTimed = process.env.MEETCAST_OUTAGE_MS !== undefined;
const beforeMs = isTimed ? 4_000 : 2_000;
/** A meeting that ends before the store has caught up is told that it ended, and not that the store is back. */
const afterMs = 5_000;
const normalAgainMs = 2_000;
const soon = { timeout: 60_000, interval: 20 };

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.skipIf(!inject('pgUrl'))('PostgreSQL goes away during a meeting', () => {
  let server: PostgresServer;
  let proxy: FaultProxy;

  beforeAll(async () => {
    const started = await startPostgres();
    if (!started) throw new Error('there is no PostgreSQL here');
    server = started;
    proxy = await openFaultProxy({ port: server.port });
  });
  afterAll(async () => {
    await proxy.close();
    await server.close();
  });

  interface Outage {
    name: string;
    leave: () => Promise<void> | void;
    comeBack: () => Promise<void> | void;
  }

  const outages: Outage[] = [
    { name: 'stopped at once', leave: () => server.crash(), comeBack: () => server.start() },
    { name: 'frozen', leave: () => server.freeze(), comeBack: () => server.thaw() },
    { name: 'refused', leave: () => proxy.refuse(true), comeBack: () => proxy.refuse(false) },
    { name: 'stalled', leave: () => proxy.stall(true), comeBack: () => proxy.stall(false) },
    {
      name: 'stalled, then cut',
      leave: () => proxy.stall(true),
      comeBack: () => {
        proxy.stall(false);
        proxy.drop('rst');
      },
    },
  ];

  const perTestMs = beforeMs + awayMs + afterMs + 180_000;

  test.each(outages)(
    '[LOG7, ING10, REST3] PostgreSQL is $name: words go on showing, nothing is lost, all is stored when it is back',
    { timeout: perTestMs },
    async ({ name, leave, comeBack }) => {
      const url = `postgres://meetcast@127.0.0.1:${proxy.port}/postgres`;
      const store = postgresStore({ url });
      const stage = await startHub({ store, limits: { slowWriteMs: 500 } });
      onTestFinished(async () => {
        await stage.close();
        await store.close();
      });
      const id = name.replaceAll(/\W+/g, '-');
      const ms = beforeMs + awayMs + afterMs;
      const meeting = await pacedMeeting({ port: stage.port, meeting: id, ms });
      onTestFinished(() => meeting.close());
      const speaking = meeting.speak();
      speaking.catch(() => {});
      await pause(beforeMs);

      await leave();
      const left = performance.now();
      await pause(awayMs - 2_500);
      expect((await stage.get('health')).status).toBe(503);
      const late = await pacedLate(stage, id);
      await pause(left + awayMs - performance.now());
      // However long that takes: words that were said meanwhile show, and everybody is told.
      await vi.waitFor(() => {
        for (const source of sources) expect(meeting.newestShownAt(source)).toBeGreaterThan(left);
        for (const who of everybody) expect(toldOf(meeting, who).at(-1)).toBe('degraded');
      }, soon);
      const returning = performance.now();
      await comeBack();
      const back = performance.now();
      await vi.waitFor(async () => expect((await stage.get('health')).status).toBe(200), soon);

      await speaking;
      await vi.waitFor(() => expect(meeting.statuses.map(({ status }) => status)).toContain('ended'), soon);
      await vi.waitFor(() => expectStatuses(meeting), soon);
      const figures = figuresOf(meeting, left, returning, back);
      process.stdout.write(`outage, ${name}, ${awayMs} ms: ${JSON.stringify(figures)}\n`);

      expect(meeting.breaks).toEqual([]);
      if (isTimed) expectPrompt(figures);
      expectStanding(meeting, left, returning);
      const stored = await stage.transcript(id);
      expectSame(meeting, stored);
      await vi.waitFor(() => expect(late()).toEqual(meeting.finals.map(({ seq }) => seq)), soon);
    },
  );
});

/** A viewer that comes while the store is away: the seqs of the finals it was given. */
async function pacedLate(stage: Stage, meeting: string): Promise<() => number[]> {
  const token = await stage.token();
  const late = subscribe({ url: `http://127.0.0.1:${stage.port}`, meeting, token });
  onTestFinished(() => late.close());
  return () => late.transcript.finals.map(({ seq }) => seq);
}

function figuresOf(meeting: PacedMeeting, left: number, returning: number, back: number) {
  const { latencies } = meeting;
  const worst = (of: 'seenMs' | 'storedMs', from: number, to: number) =>
    Math.round(
      Math.max(0, ...latencies.filter(({ saidAt }) => saidAt >= from && saidAt < to).map((one) => one[of])),
    );
  const first = meeting.finals.find(({ at }) => at > returning);
  const waiting = latencies.filter(({ saidAt, storedMs }) => saidAt < back && saidAt + storedMs > back);
  const start = meeting.sightings[0]?.at ?? left;
  const end = meeting.sightings.at(-1)?.at ?? back;
  return {
    longestGapBeforeMs: Math.round(meeting.longestGapMs(start, left)),
    longestGapAwayMs: Math.round(meeting.longestGapMs(left, back)),
    longestGapAfterMs: Math.round(meeting.longestGapMs(back, end)),
    latencyBeforeMs: worst('storedMs', 0, left - 1_000),
    /** From a word's end to its sight, in whatever form, during the outage. */
    seenAwayMs: worst('seenMs', left, back),
    firstFinalMs: Math.round((first?.at ?? Number.POSITIVE_INFINITY) - back),
    lastWaitingFinalMs: Math.round(
      Math.max(0, ...waiting.map(({ saidAt, storedMs }) => saidAt + storedMs - back)),
    ),
    latencyAfterMs: worst('storedMs', back + normalAgainMs, Number.POSITIVE_INFINITY),
    waitingFinals: waiting.length,
  };
}

function expectPrompt(figures: ReturnType<typeof figuresOf>): void {
  expect(figures.longestGapAwayMs).toBeLessThan(figures.longestGapBeforeMs + 1_000);
  expect(figures.seenAwayMs).toBeLessThan(figures.latencyBeforeMs + 1_000);
  expect(figures.firstFinalMs).toBeLessThan(normalAgainMs);
  expect(figures.latencyAfterMs).toBeLessThan(figures.latencyBeforeMs + 500);
}

/** What was acknowledged as stored while nothing could be stored, and its sender knew. */
function expectStanding(meeting: PacedMeeting, left: number, returning: number): void {
  for (const source of sources) {
    const told = meeting.statuses.findLast(({ at, who }) => who === source && at < returning);
    const from = Math.max(left + 1_000, told?.at ?? 0);
    const acks = meeting.acks.filter((ack) => ack.source === source && ack.at > from && ack.at < returning);
    expect(
      new Set(acks.map(({ durableMs }) => durableMs)).size,
      `durable_ms of ${source}`,
    ).toBeLessThanOrEqual(1);
    const last = meeting.acks.findLast((ack) => ack.source === source);
    expect(last?.durableMs, `durable_ms of ${source} at the end`).toBeGreaterThan(acks[0]?.durableMs ?? 0);
  }
}

const everybody = ['viewer', ...sources] as const;

/** What somebody was told of the store. */
const toldOf = ({ statuses }: PacedMeeting, who: string): string[] =>
  statuses
    .filter((one) => one.who === who && !one.isLogged && !['ending', 'ended'].includes(one.status))
    .map(({ status }) => status);

/** Once when it goes, once when it is back; a machine that stalls may make a write slow before or after. */
function expectStatuses(meeting: PacedMeeting): void {
  for (const who of everybody)
    expect(toldOf(meeting, who).join(), `what ${who} was told`).toMatch(
      /^degraded,recovered(,degraded,recovered)*(,degraded)?$/,
    );
}

function expectSame(meeting: PacedMeeting, stored: Awaited<ReturnType<Stage['transcript']>>): void {
  for (const source of sources) {
    expect(wordsIn(stored, source), `stored words of ${source}`).toEqual(meeting.said[source].words);
    expect(meeting.seenWords(source), `seen words of ${source}`).toEqual(meeting.said[source].words);
  }
  expect(meeting.seqs).toEqual(Array.from(meeting.seqs, (_, index) => 1 + index));
  expect(new Set(stored.map(({ segment_no }) => segment_no)).size).toBe(stored.length);
}
