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
  type TranscriptFinal,
} from '@meetcast/protocol';
import type { MeetingRef, Store } from '@meetcast/server';
import { timeToleranceMs } from '@meetcast/testing';
import { judge } from '@meetcast/testing/chaos';
import { expect, vi } from 'vitest';
import { WebSocket } from 'ws';
import { formatOf } from '../../packages/testing/src/chaos/script.ts';
import { Voice } from '../../packages/testing/src/chaos/voice.ts';
import { sources } from './paced-meeting.ts';
import { wordsIn } from './speech.ts';

interface Talker {
  readonly voice: Voice;
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
  readonly talkers: readonly Talker[];
  readonly watchers: readonly Watcher[];
  /** Frames that are none of the protocol's: a hub must send none. */
  readonly undecodable: string[];
  /** Nobody speaks any more. */
  readonly silence: AbortController;
}

export interface Attendance extends Omit<ConnectOptions, 'url' | 'meeting'> {
  ref: MeetingRef;
  viewers: number;
  /** Of the words: another number, others. */
  seed: number;
  /** How many times real time they are spoken. */
  speedUp: number;
  /** Where each client goes: `mic`, `system`, `viewer 0` … */
  url: (who: string) => string;
}

export function gather({ ref, viewers, seed, speedUp, url, ...link }: Attendance): WatchedMeeting {
  const undecodable: string[] = [];
  const openSocket: OpenSocket = (address, protocols) => inspected(address, protocols, undecodable);
  const to = (who: string) => ({ ...link, openSocket, meeting: ref.id, url: url(who) });
  const silence = new AbortController();
  const speaks = { format, speed: speedUp, signal: silence.signal, happened: () => {} };
  const talkers = sources.map((source) => {
    const sender = publish({ ...to(source), ...format, source });
    return talkerOf(new Voice(source, sender, { ...speaks, seed: `${seed} ${source}` }), sender);
  });
  const watchers = Array.from({ length: viewers }, (_, place) => watcherOf(subscribe(to(`viewer ${place}`))));
  return { ref, talkers, watchers, undecodable, silence };
}

const format = formatOf({ sources, channels: 1 });

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

function talkerOf(voice: Voice, sender: Publisher): Talker {
  const story: string[] = [];
  sender.on('connection', (change) => story.push(told(change)));
  return { voice, story };
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

export function leave({ talkers, watchers, silence }: WatchedMeeting): void {
  silence.abort();
  for (const { voice } of talkers) voice.close();
  for (const { subscription } of watchers) subscription.close();
}

/** Everybody begins to speak, phrase after phrase. */
export function speak({ talkers }: WatchedMeeting): void {
  for (const { voice } of talkers) voice.speaker.start();
}

/** They stop at the end of a phrase; resolves when every word is stored. */
export async function finish({ talkers }: WatchedMeeting): Promise<void> {
  await Promise.all(
    talkers.map(async ({ voice }) => {
      await voice.speaker.finish();
      await voice.sender.finalize();
    }),
  );
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
export async function expectKept(store: Store, { ref, talkers, watchers }: WatchedMeeting): Promise<void> {
  const durable = talkers.map(({ voice }) => durableWords(voice));
  const seen = watchers.map(seenBy);
  const events = await logOf(store, ref);
  expectLog(events, ref.id);
  for (const entries of seen)
    expect(entries, `entries that a viewer of ${ref.id} saw`).toEqual(events.slice(0, entries.length));
  for (const [place, { voice }] of talkers.entries()) {
    const words = durable[place] ?? [];
    const stored = wordsIn(finalsIn(events), voice.source).slice(0, words.length);
    expect(stored, `durable words of ${voice.source} of ${ref.id}`).toEqual(words);
  }
}

/** Everybody has said everything: words said = stored = seen by everyone, each where it was said. */
export async function expectWhole(
  store: Store,
  { ref, talkers, watchers, undecodable }: WatchedMeeting,
  { timeout = 30_000 } = {},
): Promise<void> {
  const events = await logOf(store, ref);
  expectLog(events, ref.id);
  const stored = finalsIn(events);
  const said = talkers.map(({ voice }) => voice.said);
  const gaps = events.filter((event) => event.type === 'gap');
  const { words, missing, unexpected, problems } = judge({ said, stored, seen: stored, gaps });
  expect({ missing, unexpected, problems }, `words of ${ref.id}`).toEqual(nothing);
  expect(words.said, `words of ${ref.id}`).toBeGreaterThan(0);
  for (const watcher of watchers) {
    const story = () => `a viewer of ${ref.id}: ${watcher.story.slice(-8).join('; ')}`;
    await vi.waitFor(() => expect(watcher.entries.length, story()).toBe(events.length), { timeout });
    expect(seenBy(watcher), `what a viewer of ${ref.id} saw`).toEqual(events);
    expect(watcher.resets).toBe(0);
    expect(watcher.story.filter((line) => line.includes('are missing'))).toEqual([]);
  }
  expect(undecodable).toEqual([]);
}

const nothing = { missing: [], unexpected: [], problems: [] };

const seenBy = ({ entries }: Watcher) => entries.map(({ at: _at, ...event }) => event);

/** [LOG1, LOG4] The seqs have no hole, and no segment is there twice. */
export function expectLog(events: readonly LoggedEvent[], id: string): void {
  const seqs = events.map(({ seq }) => seq);
  expect(seqs, `seqs of ${id}`).toEqual(Array.from(events, (_, index) => index + 1));
  const numbers = finalsIn(events).map(({ segment_no }) => segment_no);
  expect(new Set(numbers).size, `segments of ${id}`).toBe(numbers.length);
}

function durableWords({ sender, said: { words, fromMs } }: Voice): string[] {
  const untilMs = sender.durableMs - fromMs - timeToleranceMs;
  return words.filter(({ endMs }) => endMs <= untilMs).map(({ text }) => text);
}
