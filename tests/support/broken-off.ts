/** Senders that break off within a word, and what is then in the log. */
import type { LoggedEvent } from '@meetcast/protocol';
import type { MeetingRef, Store } from '@meetcast/server';
import { toneTiming } from '@meetcast/testing';
import { expect, vi } from 'vitest';
import type { Sender } from './peer.ts';
import type { Speech } from './speech.ts';
import type { Stage } from './start-hub.ts';

export const done = { code: 1000, reason: 'done' };
export const soon = { timeout: 60_000, interval: 5 };
const ref = { tenant: 'acme', id: 'm' };

/** 16 kHz mono: the byte at which a time begins. */
export const bytesAt = (ms: number) => Math.round(ms * 16) * 2;

/** The byte right after this many words: the last of them may be half a word, as far as anybody knows. */
export const bytesAfter = ({ times }: Speech, words: number) =>
  bytesAt((times[words - 1]?.startMs ?? Number.NaN) + toneTiming.wordMs);

export async function heard({ simulator }: Stage, bytes: number): Promise<void> {
  const all = () => simulator.streams.reduce((sum, { audioBytes }) => sum + audioBytes, 0);
  await vi.waitFor(() => expect(all()).toBe(bytes), soon);
}

/** A sender that breaks off after so many words; resolves once they were heard, as far as they can be. */
export async function brokenOff(stage: Stage, said: Speech, words: number, sender: Sender): Promise<void> {
  const cut = bytesAfter(said, words);
  await sender.say(said.pcm.subarray(0, cut));
  await heard(stage, cut);
  sender.vanish('rst');
  await stepped(stage, 'cleanup_complete');
}

export async function stepped(stage: Stage, step: string, times = 1): Promise<void> {
  const seen = () => stage.observed.filter((event) => event.type === 'ingest' && event.step === step).length;
  await vi.waitFor(() => expect(seen()).toBe(times), soon);
}

export const entriesIn = async (store: Store, meeting: MeetingRef = ref): Promise<readonly LoggedEvent[]> =>
  (await store.read(meeting, 0, 1_000)).events;
export const statusesIn = (events: readonly { type: string; status?: string }[]) =>
  events.flatMap(({ type, status }) => (type === 'status' ? [status] : []));
