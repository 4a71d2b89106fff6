/** A meeting of many hours, told faster than life to a hub in a process of its own, and what it leaves in that process. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Publisher, publish, subscribe } from '@meetcast/client';
import type { Source, TranscriptFinal } from '@meetcast/protocol';
import {
  type DeepgramSimulator,
  randomWords,
  type SpokenWord,
  speak,
  spokenWords,
  startDeepgramSimulator,
} from '@meetcast/testing';
import { expect, vi } from 'vitest';
import { seeded } from '../../packages/server/test/support/random.ts';
import { storedFinals } from '../../packages/testing/src/chaos/tested-hub.ts';
import { HubProcess } from './hub-process.ts';
import { expectTimes, wordsIn } from './speech.ts';
import { mintToken, secret, unhurried } from './start-hub.ts';

export interface SoakRun {
  program: string;
  /** For the store. */
  directory: string;
  /** Meeting time; memory is compared between the first and the last of `parts` equal parts of it. */
  minutes: number;
  parts: number;
  /** Of another meeting in the same hub: a new process grows until it has settled, whatever it does. */
  minutesBefore: number;
  /** How many times real time. */
  speedUp: number;
  /** After so much audio the recognizer ends a stream in order. */
  sessionMinutes: number;
  /** Seconds of real time after which a token is replaced. */
  tokenSeconds: number;
  seed: number;
}

export interface SoakFigures {
  meetingMinutes: number;
  tookSeconds: number;
  words: number;
  sessions: number;
  tokens: number;
  /** Of the last word of each source. */
  driftMs: Partial<Record<Source, number>>;
  /** After each part, in bytes. */
  memory: { heap: number; rss: number }[];
}

const sampleRate = 8_000;
const minuteMs = 60_000;
const warningSeconds = 1;

interface Talker {
  readonly source: Source;
  readonly channels: number;
  readonly publisher: Publisher;
  readonly words: string[];
  readonly times: SpokenWord[];
  readonly random: () => number;
}

export async function soak(run: SoakRun): Promise<SoakFigures> {
  const simulator = await startDeepgramSimulator({ pace: 0 });
  const hub = new HubProcess(run.program, {
    store: { folder: run.directory },
    simulatorUrl: simulator.url,
    secret,
    port: 0,
    limits: { ...unhurried, tokenWarningMs: warningSeconds * 1_000 },
    recovery: { replayPace: 1_000 },
    dawdleMs: 0,
  });
  const cleanUp: (() => unknown)[] = [() => simulator.close(), () => hub.kill()];
  try {
    await hub.begin().listening;
    return await talk(run, hub, simulator, cleanUp);
  } catch (error) {
    throw new Error(`${String(error)}\nthe hub said: ${hub.said}`, { cause: error });
  } finally {
    for (const step of cleanUp.reverse()) await step();
  }
}

async function talk(
  run: SoakRun,
  hub: HubProcess,
  simulator: DeepgramSimulator,
  cleanUp: (() => unknown)[],
): Promise<SoakFigures> {
  const { minutes, parts, sessionMinutes, tokenSeconds } = run;
  const url = `http://127.0.0.1:${hub.port}`;
  let tokens = 0;
  const token = () => {
    tokens += 1;
    return mintToken({ ttl: tokenSeconds + warningSeconds });
  };
  await converse(run, { url, meeting: 'before', token }, run.minutesBefore, cleanUp, async () => {});
  const sessionsBefore = simulator.streams.length;
  tokens = 0;
  // Every minute begins with words: a session ends in the middle of one.
  simulator.fault({ kind: 'close', code: 1000, afterAudioMs: sessionMinutes * minuteMs + 200, times: 1_000 });
  const memory: SoakFigures['memory'] = [];
  const from = performance.now();
  const { talkers, seen } = await converse(
    run,
    { url, meeting: 'long', token },
    minutes,
    cleanUp,
    async (minute, talkers) => {
      if (minute % (minutes / parts) !== 0) return;
      await allStored(talkers, minute);
      memory.push(await weigh(hub));
    },
  );
  const tookSeconds = Math.round((performance.now() - from) / 1000);

  const stored = await storedFinals({ url, token: () => mintToken() }, 'long');
  for (const { source, words, times } of talkers) {
    expect(wordsIn(stored, source), `words of ${source}`).toEqual(words);
    expectTimes(stored, source, { times });
  }
  await vi.waitFor(() => expect(seen.length).toBe(stored.length), { timeout: 60_000 });
  expect(seen).toEqual(stored);
  const driftMs = Object.fromEntries(
    talkers.map(({ source, times }) => {
      const last = stored.findLast(({ meta }) => meta?.source === source);
      return [source, (last?.end_ms ?? Number.NaN) - (times.at(-1)?.endMs ?? 0)];
    }),
  );
  const words = talkers.reduce((sum, talker) => sum + talker.words.length, 0);
  const sessions = simulator.streams.length - sessionsBefore;
  return { meetingMinutes: minutes, tookSeconds, words, sessions, tokens, driftMs, memory };
}

/** The least of some weighings: pages that a collection has freed are given back a little later. */
async function weigh(hub: HubProcess): Promise<SoakFigures['memory'][number]> {
  const weighings: SoakFigures['memory'] = [];
  for (let count = 0; count < 5; count += 1) {
    weighings.push(await hub.memory());
    await delay(50);
  }
  return {
    heap: Math.min(...weighings.map(({ heap }) => heap)),
    rss: Math.min(...weighings.map(({ rss }) => rss)),
  };
}

interface Address {
  url: string;
  meeting: string;
  token: () => Promise<string>;
}

/** A meeting from its first word to its end, which one viewer sees. */
async function converse(
  { speedUp, seed }: SoakRun,
  address: Address,
  minutes: number,
  cleanUp: (() => unknown)[],
  afterMinute: (minute: number, talkers: readonly Talker[]) => Promise<void>,
): Promise<{ talkers: readonly Talker[]; seen: readonly TranscriptFinal[] }> {
  const viewer = subscribe(address);
  cleanUp.push(() => viewer.close());
  const seen: TranscriptFinal[] = [];
  viewer.on('final', (final) => void seen.push(final));
  const talkers: Talker[] = (['mic', 'system'] as const).map((source, place) => {
    const channels = place + 1;
    const publisher = publish({ ...address, source, sampleRate, channels, maxBufferedMs: 3_600_000 });
    cleanUp.push(() => publisher.close());
    return { source, channels, publisher, words: [], times: [], random: seeded(seed + place) };
  });
  const all = [viewer, ...talkers.map(({ publisher }) => publisher)];
  const joined = all.map(() => 'connected');
  await vi.waitFor(() => expect(all.map(({ connection }) => connection)).toEqual(joined), {
    timeout: 60_000,
  });
  let from = performance.now();
  for (let minute = 0; minute < minutes; minute += 1) {
    const dueMs = from + (minute * minuteMs) / speedUp - performance.now();
    if (dueMs > 1) await delay(dueMs);
    await Promise.all(talkers.map((talker) => sayMinute(talker, minute)));
    const saidAt = performance.now();
    await afterMinute(minute + 1, talkers);
    from += performance.now() - saidAt;
  }
  await Promise.all(talkers.map(({ publisher }) => publisher.finalize()));
  return { talkers, seen };
}

/** Some words, and then nobody speaks. */
async function sayMinute(
  { channels, publisher, words, times, random }: Talker,
  minute: number,
): Promise<void> {
  const said = randomWords(3 + Math.floor(random() * 6), Math.floor(random() * 1_000_000));
  const speech = speak(said, { sampleRate, channels });
  const audio = new Int16Array((minuteMs / 1_000) * sampleRate * channels);
  audio.set(speech);
  words.push(...said);
  times.push(...spokenWords(said, minute * minuteMs));
  const second = sampleRate * channels;
  for (let at = 0; at < audio.length; at += second) await publisher.write(audio.slice(at, at + second));
}

async function allStored(talkers: readonly Talker[], minutes: number): Promise<void> {
  const behindMs = () =>
    minutes * minuteMs - Math.min(...talkers.map(({ publisher }) => publisher.durableMs));
  await vi.waitFor(() => expect(behindMs()).toBeLessThan(minuteMs), { timeout: 120_000, interval: 20 });
}
