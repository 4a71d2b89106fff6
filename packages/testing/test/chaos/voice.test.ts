/** What is noted of one source: what was shown to whom, and what its sender still has. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Publisher, PublisherEvents } from '@meetcast/client';
import type { Status, TranscriptFinal } from '@meetcast/protocol';
import { expect, test, vi } from 'vitest';
import { formatOf } from '../../src/chaos/script.ts';
import { isAlarm, isRecovery } from '../../src/chaos/silence.ts';
import { Voice } from '../../src/chaos/voice.ts';

type Listener = (value: never) => void;

/** More than any test needs: whoever cannot be stopped must not fill the memory. */
const mostPieces = 500;

/** A sender of no hub: what it hears is told by the test. */
class Sender implements Publisher {
  connection = 'connected' as const;
  sessionId = 's';
  receivedMs = 0;
  durableMs = 0;
  bufferedMs = 0;
  closed = new Promise<never>(() => {});
  readonly #listeners = new Map<string, Listener[]>();

  pieces = 0;
  write = async (_audio: Uint8Array) => {
    this.pieces += 1;
    if (this.pieces > mostPieces) this.full();
  };
  full = () => {};
  flush = () => {};
  offRecord = () => {};
  finalize = () => new Promise<never>(() => {});
  close = () => {};

  on(type: string, listener: Listener): () => void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
    return () => {};
  }

  hear<Type extends keyof PublisherEvents>(type: Type, value: PublisherEvents[Type]): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(value as never);
  }
}

function voiceOf(sender: Sender, speed = 1, channels = 1) {
  const abort = new AbortController();
  const stop = () => abort.abort();
  sender.full = stop;
  const format = formatOf({ sources: ['mic'], channels });
  const voice = new Voice('mic', sender, {
    seed: '1',
    format,
    speed,
    signal: abort.signal,
    happened: () => {},
  });
  return { voice, stop };
}

const about = { meeting_id: 'm', ts: '2026-03-02T09:00:04.120Z' };
const silent: Status = {
  type: 'status',
  ...about,
  status: 'degraded',
  message: 'no answer',
  details: { cause: 'asr_silent', source: 'mic' },
};
const isSilent = ({ details }: Status) => details?.cause === 'asr_silent';

test('told is what both the sender and the viewer were shown since the fault began', () => {
  const sender = new Sender();
  const { voice } = voiceOf(sender);
  sender.hear('status', silent);
  voice.announced(silent);
  expect(voice.isTold(isSilent)).toBe(true);
  voice.hurt();
  expect(voice.isTold(isSilent)).toBe(false);
  voice.announced(silent);
  expect(voice.isTold(isSilent)).toBe(false);
  sender.hear('status', { ...silent, details: { cause: 'other' } });
  expect(voice.isTold(isSilent)).toBe(false);
  sender.hear('status', silent);
  expect(voice.isTold(isSilent)).toBe(true);
  voice.hurt();
  sender.hear('status', silent);
  expect(voice.isTold(isSilent)).toBe(false);
});

test('why a recognizer refuses is what the hub says and closes with, and nothing else', () => {
  const sender = new Sender();
  const { voice } = voiceOf(sender);
  sender.hear('error', { type: 'error', code: 'slow_consumer', message: 'not read', retryable: true });
  sender.hear('connection', { status: 'reconnecting', code: 1012, reason: 'restart' });
  expect(voice.refusals).toEqual([]);
  sender.hear('error', {
    type: 'error',
    code: 'recognizer_unavailable',
    message: 'no credit here',
    retryable: true,
  });
  sender.hear('connection', { status: 'reconnecting', code: 4010, reason: 'no credit' });
  sender.hear('connection', { status: 'reconnecting', code: 4010, reason: 'no credit yet' });
  expect(voice.refusals).toEqual(['no credit here', 'no credit', 'no credit yet']);
});

test('forgotten is audio from the first word without a final on, as far as the sender no longer has it', async () => {
  const sender = new Sender();
  const { voice, stop } = voiceOf(sender, 100);
  const fromMs = 400;
  sender.receivedMs = fromMs;
  sender.hear('connection', { status: 'connected' });
  voice.speaker.start();
  await vi.waitUntil(() => voice.speaker.positionMs > 3_000);
  stop();
  const [first, second, third] = voice.said.words;
  if (!first || !second || !third) throw new Error('nobody spoke');
  const keptFrom = (ms: number) => {
    sender.bufferedMs = voice.speaker.positionMs - ms;
  };
  keptFrom(first.startMs);
  expect(voice.forgottenMs).toBe(0);
  keptFrom(first.startMs + 70);
  expect(voice.forgottenMs).toBe(70);
  const seen = { start_ms: first.startMs + fromMs, end_ms: second.endMs + fromMs } as TranscriptFinal;
  voice.arrived(seen);
  // What is filled in later stands before it.
  voice.arrived({ ...seen, end_ms: first.endMs + fromMs });
  expect(voice.forgottenMs).toBe(0);
  keptFrom(third.startMs + 30);
  expect(voice.forgottenMs).toBe(30);
});

test('a speaker who cannot keep the pace leaves others their turns', async () => {
  const sender = new Sender();
  const { voice, stop } = voiceOf(sender, 1_000_000);
  voice.speaker.start();
  await nextTurn();
  await nextTurn();
  stop();
  expect(sender.pieces).toBeGreaterThan(0);
  expect(sender.pieces).toBeLessThan(10);
});

test('a link that was lost, and one whose token had run out, are counted; its audio begins where it first was', () => {
  const sender = new Sender();
  const { voice } = voiceOf(sender);
  sender.receivedMs = 400;
  sender.hear('connection', { status: 'connected' });
  expect([voice.losses, voice.expired]).toEqual([0, 0]);
  sender.hear('connection', { status: 'reconnecting', code: 1006 });
  sender.hear('connection', { status: 'reconnecting', code: 4005 });
  sender.receivedMs = 900;
  sender.hear('connection', { status: 'connected' });
  expect([voice.losses, voice.expired, voice.said.fromMs]).toEqual([2, 1, 400]);
});

test('words are back with what was said after the fault began, not with what came late of before', async () => {
  const sender = new Sender();
  const { voice, stop } = voiceOf(sender, 100);
  const fromMs = 400;
  sender.receivedMs = fromMs;
  sender.hear('connection', { status: 'connected' });
  expect(voice.isHeard).toBe(false);
  voice.speaker.start();
  await vi.waitUntil(() => voice.speaker.positionMs > 1_000);
  stop();
  voice.hurt();
  const hurtMs = voice.speaker.positionMs + fromMs;
  voice.arrived({ end_ms: hurtMs } as TranscriptFinal);
  expect([voice.isHeard, voice.backAt]).toEqual([true, undefined]);
  voice.arrived({ end_ms: hurtMs + 1 } as TranscriptFinal);
  expect(voice.backAt).toEqual(expect.any(Number));
});

test.each([1, 2])(
  'of %i channels, another sender says what the hub has not, and is the sender',
  async (channels) => {
    const sender = new Sender();
    const { voice, stop } = voiceOf(sender, 100, channels);
    sender.receivedMs = 400;
    sender.hear('connection', { status: 'connected' });
    voice.speaker.start();
    await vi.waitUntil(() => voice.speaker.positionMs > 1_000);
    stop();
    const rival = new Sender();
    rival.receivedMs = 400 + 600;
    const written: Uint8Array[] = [];
    rival.write = async (audio) => void written.push(audio);
    const saidMs = voice.speaker.positionMs;
    voice.handOver(rival);
    expect(written.map(({ length }) => length)).toEqual([(saidMs - 600) * 32 * channels]);
    expect(voice.sender).toBe(rival);
    rival.hear('connection', { status: 'reconnecting', code: 1006 });
    expect(voice.losses).toBe(1);
  },
);

test('an alarm says that the recognizer is silent, and its end that the recognizer is well', () => {
  const { details, ...others } = silent;
  expect(isAlarm(silent)).toBe(true);
  expect(isAlarm({ ...silent, status: 'recovered' })).toBe(false);
  expect(isAlarm({ ...silent, details: { ...details, cause: 'recognizer_unavailable' } })).toBe(false);
  expect(isAlarm(others)).toBe(false);
  const well: Status = { ...others, status: 'recovered', details: { part: 'recognizer', source: 'mic' } };
  expect(isRecovery(well)).toBe(true);
  expect(isRecovery({ ...well, status: 'degraded' })).toBe(false);
  expect(isRecovery({ ...well, details: { part: 'store', source: 'mic' } })).toBe(false);
});
