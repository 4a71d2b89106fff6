/** What viewers and senders are told of a source's way to its recognizer. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Message } from '../../src/bus/message.ts';
import { RecognizerStatus } from '../../src/ingest/recognizer-status.ts';
import type { RecognizerState } from '../../src/recognizer/recognizer.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { freshMeeting } from '../support/entries.ts';
import { logOf, messageBus } from '../support/log.ts';

let told: string[];
let recognizerStatus: RecognizerStatus;
const messages: Record<string, unknown>[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  messages.length = 0;
  const hears = ({ text }: Message) => {
    const message = JSON.parse(text) as Record<string, unknown>;
    messages.push(message);
    told.push(String(message.status));
  };
  const log = logOf(freshMeeting(), memoryStore(), messageBus(), undefined, undefined, hears);
  recognizerStatus = new RecognizerStatus(log, 'mic');
});
afterEach(() => {
  vi.useRealTimers();
});

const hear = (state: RecognizerState['state']) =>
  recognizerStatus.tell({ kind: 'state', state, reason: `it is ${state}` });

test('[LOG3] a break of up to a second is not worth a word', async () => {
  hear('reconnecting');
  await vi.advanceTimersByTimeAsync(999);
  hear('recovered');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(told).toEqual([]);
});

test('[LOG3] a longer one is told once, and its end', async () => {
  hear('reconnecting');
  hear('reconnecting');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told).toEqual(['reconnecting']);
  hear('reconnecting');
  await vi.advanceTimersByTimeAsync(10_000);
  hear('recovered');
  hear('recovered');
  expect(told).toEqual(['reconnecting', 'recovered']);
  expect(messages.map(({ seq }) => seq)).toEqual([undefined, undefined]);
  expect(messages[0]).toMatchObject({
    message: 'It is reconnecting. Reconnecting to the speech recognizer …',
    details: { part: 'recognizer', source: 'mic' },
  });
});

test('[LOG3] silence is told at once, also in a break that was not told yet', async () => {
  hear('reconnecting');
  hear('silent');
  expect(told).toEqual(['degraded']);
  expect(messages[0]?.details).toEqual({ part: 'recognizer', source: 'mic', cause: 'asr_silent' });
  await vi.advanceTimersByTimeAsync(10_000);
  hear('recovered');
  expect(told).toEqual(['degraded', 'recovered']);
});

test('[LOG3] nothing is told of a source that is over', async () => {
  hear('reconnecting');
  recognizerStatus.end();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(told).toEqual([]);
});
