/** A meeting that two senders and some viewers of the client's take part in, and what must be true of it at any moment. */
import {
  type ConnectionChange,
  type ConnectOptions,
  type OpenSocket,
  type Publisher,
  publish,
  type Subscription,
  subscribe,
} from '@meetcast/client';
import {
  decodeIngestDownstream,
  decodeSubscriberDownstream,
  type LoggedEvent,
  type Source,
  type TranscriptFinal,
} from '@meetcast/protocol';
import type { MeetingRef, Store } from '@meetcast/server';
import { type SpokenWord, timeToleranceMs } from '@meetcast/testing';
import { expect, vi } from 'vitest';
import { WebSocket } from 'ws';
import { sources } from './paced-meeting.ts';
import { expectTimes, speech, wordsIn } from './speech.ts';

const frameBytes = 3_200;
const bytesPerMs = 32;

export interface Voice {
  readonly source: Source;
  readonly publisher: Publisher;
  /** On its sender's clock. */
  readonly words: SpokenWord[];
  /** Where on the meeting's clock this sender's audio begins. */
  fromMs: number | undefined;
  /** How its link fared, for the report of a failure. */
  readonly story: string[];
}

interface Watcher {
  readonly subscription: Subscription;
  readonly entries: (LoggedEvent & { at: number })[];
  resets: number;
  readonly story: string[];
}

export interface WatchedMeeting {
  readonly ref: MeetingRef;
  readonly voices: readonly Voice[];
  readonly watchers: readonly Watcher[];
  /** Frames that are none of the protocol's: a hub must send none. */
  readonly undecodable: string[];
}

export interface Attendance extends Omit<ConnectOptions, 'url' | 'meeting'> {
  ref: MeetingRef;
  viewers: number;
  /** Where each client goes: `mic`, `system`, `viewer 0` … */
  url: (who: string) => string;
}

export function gather({ ref, viewers, url, ...link }: Attendance): WatchedMeeting {
  const undecodable: string[] = [];
  const openSocket: OpenSocket = (address, protocols) => inspected(address, protocols, undecodable);
  const to = (who: string) => ({ ...link, openSocket, meeting: ref.id, url: url(who) });
  const voices = sources.map((source) => voiceOf(source, publish({ ...to(source), source, sampleRate })));
  const watchers = Array.from({ length: viewers }, (_, place) => watcherOf(subscribe(to(`viewer ${place}`))));
  return { ref, voices, watchers, undecodable };
}

const sampleRate = 16_000;

/** A socket of the client's, whose frames are looked at on the way. */
function inspected(address: string, protocols: string[], undecodable: string[]): WebSocket {
  const socket = new WebSocket(address, protocols, { perMessageDeflate: false });
  const decode = address.includes('/ws/ingest/') ? decodeIngestDownstream : decodeSubscriberDownstream;
  socket.on('message', (data) => {
    const decoded = decode(String(data));
    if (!decoded.ok) undecodable.push(`${decoded.problem}: ${String(data)}`);
  });
  return socket;
}

function voiceOf(source: Source, publisher: Publisher): Voice {
  const voice: Voice = { source, publisher, words: [], fromMs: undefined, story: [] };
  publisher.on('connection', (change) => {
    if (change.status === 'connected') voice.fromMs ??= publisher.receivedMs;
    voice.story.push(told(change));
  });
  return voice;
}

function watcherOf(subscription: Subscription): Watcher {
  const watcher: Watcher = { subscription, entries: [], resets: 0, story: [] };
  subscription.on('event', (event) => {
    if ('seq' in event && event.seq !== undefined)
      watcher.entries.push({ ...(event as LoggedEvent), at: performance.now() });
  });
  subscription.on('reset', () => {
    watcher.resets += 1;
  });
  subscription.on('connection', (change) => watcher.story.push(told(change)));
  return watcher;
}

const told = ({ status, code, reason = '' }: ConnectionChange): string =>
  `${Math.round(performance.now())} ${status} ${code ?? ''} ${reason}`.trim();

export function leave({ voices, watchers }: WatchedMeeting): void {
  for (const { publisher } of voices) publisher.close();
  for (const { subscription } of watchers) subscription.close();
}

/** Phrase after phrase, until it is over; resolves when every word is stored. */
export async function speak(
  { publisher, words }: Voice,
  { seed, speedUp, isOver }: { seed: number; speedUp: number; isOver: () => boolean },
): Promise<void> {
  const began = performance.now();
  let saidMs = 0;
  for (let phrase = 0; !isOver(); phrase += 1) {
    const { pcm, ms, times } = speech(6, seed * 1_000 + phrase);
    for (const { text, startMs, endMs } of times)
      words.push({ text, startMs: saidMs + startMs, endMs: saidMs + endMs });
    for (let at = 0; at < pcm.length; at += frameBytes) {
      publisher.write(new Uint8Array(pcm.subarray(at, at + frameBytes))).catch(() => {});
      const dueMs = began + (saidMs + at / bytesPerMs) / speedUp - performance.now();
      if (dueMs > 1) await new Promise((resolve) => setTimeout(resolve, dueMs));
    }
    saidMs += ms;
  }
  await publisher.finalize();
}

export async function logOf(store: Store, meeting: MeetingRef): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  for (;;) {
    const page = await store.read(meeting, events.at(-1)?.seq ?? 0, 500);
    if (page.events.length === 0) return events;
    events.push(...page.events);
  }
}

export const finalsIn = (events: readonly LoggedEvent[]): TranscriptFinal[] =>
  events.filter((event): event is TranscriptFinal => event.type === 'transcript.final');

/** What anybody has been told by now is in the store, as it was told. */
export async function expectKept(store: Store, { ref, voices, watchers }: WatchedMeeting): Promise<void> {
  const durable = voices.map(durableWords);
  const seen = watchers.map(seenBy);
  const events = await logOf(store, ref);
  expectLog(events, ref.id);
  for (const entries of seen)
    expect(entries, `entries that a viewer of ${ref.id} saw`).toEqual(events.slice(0, entries.length));
  for (const [place, { source }] of voices.entries()) {
    const words = durable[place] ?? [];
    const stored = wordsIn(finalsIn(events), source).slice(0, words.length);
    expect(stored, `durable words of ${source} of ${ref.id}`).toEqual(words);
  }
}

/** Everybody has said everything: words said = stored = seen by everyone, each where it was said. */
export async function expectWhole(
  store: Store,
  { ref, voices, watchers, undecodable }: WatchedMeeting,
  { timeout = 30_000 } = {},
): Promise<void> {
  const events = await logOf(store, ref);
  expectLog(events, ref.id);
  for (const { source, words, fromMs } of voices) {
    const said = words.map(({ text }) => text);
    expect(wordsIn(finalsIn(events), source), `stored words of ${source} of ${ref.id}`).toEqual(said);
    expectTimes(finalsIn(events), source, { times: words }, fromMs);
  }
  for (const watcher of watchers) {
    const story = () => `a viewer of ${ref.id}: ${watcher.story.slice(-8).join('; ')}`;
    await vi.waitFor(() => expect(watcher.entries.length, story()).toBe(events.length), { timeout });
    expect(seenBy(watcher), `what a viewer of ${ref.id} saw`).toEqual(events);
    expect(watcher.resets).toBe(0);
    expect(watcher.story.filter((line) => line.includes('are missing'))).toEqual([]);
  }
  expect(undecodable).toEqual([]);
}

const seenBy = ({ entries }: Watcher) => entries.map(({ at: _at, ...event }) => event);

/** [LOG1, LOG4] The seqs have no hole, and no segment is there twice. */
export function expectLog(events: readonly LoggedEvent[], id: string): void {
  const seqs = events.map(({ seq }) => seq);
  expect(seqs, `seqs of ${id}`).toEqual(Array.from(events, (_, index) => index + 1));
  const numbers = finalsIn(events).map(({ segment_no }) => segment_no);
  expect(new Set(numbers).size, `segments of ${id}`).toBe(numbers.length);
}

function durableWords({ publisher, words, fromMs }: Voice): string[] {
  if (fromMs === undefined) return [];
  const untilMs = publisher.durableMs - fromMs - timeToleranceMs;
  return words.filter(({ endMs }) => endMs <= untilMs).map(({ text }) => text);
}
