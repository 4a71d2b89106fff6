/** Four meetings in a hub that is killed again and again: what was acknowledged or seen must be there each time. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Publisher, publish, type Subscription, subscribe } from '@meetcast/client';
import type { LoggedEvent, Source, TranscriptFinal } from '@meetcast/protocol';
import type { Store } from '@meetcast/server';
import { postgresStore } from '@meetcast/server/postgres';
import { sqliteStore } from '@meetcast/server/sqlite';
import { type DeepgramSimulator, startDeepgramSimulator } from '@meetcast/server/testing';
import { expect, vi } from 'vitest';
import { seeded } from '../../packages/server/test/support/random.ts';
import { HubProcess } from './hub-process.ts';
import { sources } from './paced-meeting.ts';
import { speech, wordsIn } from './speech.ts';
import { mintToken, secret, unhurried } from './start-hub.ts';

export interface CrashRun {
  seed: number;
  crashes: number;
  program: string;
  /** A directory for SQLite, or the address of a PostgreSQL. */
  store: { directory: string } | { url: string };
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
const frameBytes = 3_200;
const bytesPerMs = 32;
/** How far a recognizer's word times may be off. */
const toleranceMs = 20;

interface Voice {
  readonly source: Source;
  readonly publisher: Publisher;
  /** Every word, and where on this sender's clock it ends. */
  readonly words: { text: string; endMs: number }[];
  /** Where on the meeting's clock this sender's audio begins. */
  fromMs: number | undefined;
}

interface Watcher {
  readonly subscription: Subscription;
  readonly entries: (LoggedEvent & { at: number })[];
  resets: number;
}

interface Meeting {
  readonly id: string;
  readonly voices: Voice[];
  readonly watchers: Watcher[];
}

/** Runs it, and throws at the first word that is not where it must be. */
export async function crashAgainAndAgain(run: CrashRun): Promise<CrashFigures> {
  const simulator = await startDeepgramSimulator({ pace: 0 });
  const hub = new HubProcess(run.program, settingsOf(run, simulator));
  const tenant = `crash-${run.seed}-${Date.now().toString(36)}`;
  const cleanUp: (() => unknown)[] = [() => simulator.close(), () => hub.kill()];
  try {
    await hub.begin().listening;
    const token = await mintToken({ tenant });
    const options = { url: `http://127.0.0.1:${hub.port}`, token, ...links };
    const all = meetings.map((id, index) => gather({ ...options, meeting: id }, run.seed + 10 * index));
    for (const { voices, watchers } of all) {
      cleanUp.push(() => voices.map(({ publisher }) => publisher.close()));
      cleanUp.push(() => watchers.map(({ subscription }) => subscription.close()));
    }
    return await crash(run, hub, tenant, all);
  } catch (error) {
    throw new Error(`seed ${run.seed}: ${String(error)}\nthe hub said: ${hub.said}`, { cause: error });
  } finally {
    for (const step of cleanUp.reverse()) await step();
  }
}

const links = { backoff: { minMs: 20, maxMs: 200 }, connectTimeoutMs: 3_000 };

const settingsOf = ({ store }: CrashRun, { url }: DeepgramSimulator) => ({
  store,
  simulatorUrl: url,
  secret,
  port: 0,
  limits: unhurried,
  dawdleMs: slowStoreMs,
});

async function crash(run: CrashRun, hub: HubProcess, tenant: string, all: Meeting[]): Promise<CrashFigures> {
  const random = seeded(run.seed);
  let isOver = false;
  const speaking = Promise.all(
    all.flatMap(({ voices }, index) =>
      voices.map((voice, place) => speak(voice, run.seed * 100 + index * 10 + place, () => isOver)),
    ),
  );
  speaking.catch(() => {});
  const starts: number[] = [];
  const firstFinals: number[] = [];
  let crashesWhileStarting = 0;
  await pause(500 + 1_000 * random());
  for (let count = 0; count < run.crashes; count += 1) {
    await hub.kill();
    await inspect(run, tenant, all);
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
  await hub.begin(0).listening.catch(() => {});
  isOver = true;
  await speaking;
  await settle(run, tenant, all);
  const wordsSaid = all.flatMap(({ voices }) => voices.flatMap(({ words }) => words)).length;
  return {
    crashes: run.crashes,
    crashesWhileStarting,
    wordsSaid,
    startMs: spread(starts),
    firstFinalMs: spread(firstFinals),
  };
}

/** Two senders and two viewers. */
function gather(options: Parameters<typeof subscribe>[0], seed: number): Meeting {
  const voices = sources.map((source) => {
    const publisher = publish({ ...options, source, sampleRate: 16_000 });
    const voice: Voice = { source, publisher, words: [], fromMs: undefined };
    publisher.on('connection', ({ status }) => {
      if (status === 'connected') voice.fromMs ??= publisher.receivedMs;
    });
    return voice;
  });
  const watchers = [seed, seed + 1].map(() => {
    const subscription = subscribe(options);
    const watcher: Watcher = { subscription, entries: [], resets: 0 };
    subscription.on('event', (event) => {
      if ('seq' in event && event.seq !== undefined)
        watcher.entries.push({ ...(event as LoggedEvent), at: performance.now() });
    });
    subscription.on('reset', () => {
      watcher.resets += 1;
    });
    return watcher;
  });
  return { id: options.meeting, voices, watchers };
}

/** Phrase after phrase, faster than life, until it is over; resolves when every word is stored. */
async function speak({ publisher, words }: Voice, seed: number, isOver: () => boolean): Promise<void> {
  const began = performance.now();
  let saidMs = 0;
  for (let phrase = 0; !isOver(); phrase += 1) {
    const { pcm, ms, times, words: texts } = speech(6, seed * 1_000 + phrase);
    for (const [place, text] of texts.entries())
      words.push({ text, endMs: saidMs + (times[place]?.endMs ?? 0) });
    for (let at = 0; at < pcm.length; at += frameBytes) {
      publisher.write(new Uint8Array(pcm.subarray(at, at + frameBytes))).catch(() => {});
      const dueMs = began + (saidMs + at / bytesPerMs) / speedUp - performance.now();
      if (dueMs > 1) await pause(dueMs);
    }
    saidMs += ms;
  }
  await publisher.finalize();
}

/** The hub is dead: is in the store what anybody was told is there? */
async function inspect({ store }: CrashRun, tenant: string, all: Meeting[]): Promise<void> {
  const left = openLeft(store);
  try {
    for (const meeting of all) {
      const events = await logOf(left.store, { tenant, id: meeting.id });
      expectLog(events, meeting.id);
      for (const { entries } of meeting.watchers) {
        const seen = entries.map(({ at: _at, ...event }) => event);
        expect(seen, `entries that a viewer of ${meeting.id} saw`).toEqual(events.slice(0, seen.length));
      }
      for (const voice of meeting.voices) expectDurable(voice, events, meeting.id);
    }
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
  cpSync(store.directory, copy, { recursive: true });
  const opened = sqliteStore({ directory: copy });
  return {
    store: opened,
    async close() {
      await opened.close();
      rmSync(copy, { recursive: true, force: true });
    },
  };
}

async function logOf(store: Store, meeting: { tenant: string; id: string }): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  for (;;) {
    const page = await store.read(meeting, events.at(-1)?.seq ?? 0, 500);
    if (page.events.length === 0) return events;
    events.push(...page.events);
  }
}

const finalsIn = (events: readonly LoggedEvent[]) =>
  events.filter((event): event is TranscriptFinal => event.type === 'transcript.final');

function expectLog(events: readonly LoggedEvent[], id: string): void {
  expect(
    events.map(({ seq }) => seq),
    `seqs of ${id}`,
  ).toEqual(Array.from(events, (_, index) => index + 1));
  const numbers = finalsIn(events).map(({ segment_no }) => segment_no);
  expect(new Set(numbers).size, `segments of ${id}`).toBe(numbers.length);
}

function expectDurable({ source, publisher, words, fromMs }: Voice, events: LoggedEvent[], id: string): void {
  if (fromMs === undefined) return;
  const untilMs = publisher.durableMs - fromMs - toleranceMs;
  const durable = words.filter(({ endMs }) => endMs <= untilMs).map(({ text }) => text);
  const stored = wordsIn(finalsIn(events), source);
  expect(stored.slice(0, durable.length), `durable words of ${source} of ${id}`).toEqual(durable);
}

/** Nothing crashes any more: words said = stored = seen by everyone. */
async function settle({ store }: CrashRun, tenant: string, all: Meeting[]): Promise<void> {
  const left = openLeft(store);
  try {
    for (const { id, voices, watchers } of all) {
      const events = await logOf(left.store, { tenant, id });
      expectLog(events, id);
      for (const { source, words } of voices) {
        const said = words.map(({ text }) => text);
        expect(wordsIn(finalsIn(events), source), `stored words of ${source} of ${id}`).toEqual(said);
      }
      for (const { entries, resets } of watchers) {
        await vi.waitFor(() => expect(entries).toHaveLength(events.length), { timeout: 5_000 });
        const seen = entries.map(({ at: _at, ...event }) => event);
        expect(seen, `what a viewer of ${id} saw`).toEqual(events);
        expect(resets).toBe(0);
      }
    }
  } finally {
    await left.close();
  }
}

function firstFinalAfter(all: Meeting[], from: number): number | undefined {
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
