/** Which gaps in a log audio that is sent again may fill. */
import type { LogEntry } from '@meetcast/protocol';
import { beforeEach, expect, test } from 'vitest';
import type { TranscriptLog } from '../../src/log/transcript-log.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { loggedOf } from '../../src/transcription/already-said.ts';
import { finalEntry, freshMeeting, statusEntry } from '../support/entries.ts';
import { logOf, messageBus } from '../support/log.ts';

let log: TranscriptLog;

beforeEach(() => {
  log = logOf(freshMeeting(), memoryStore(), messageBus());
});

const gap = (start_ms: number, end_ms: number, source: 'mic' | 'system' = 'mic'): LogEntry => ({
  type: 'gap',
  meeting_id: 'm',
  ts: '2026-03-02T09:00:00.000Z',
  source,
  start_ms,
  end_ms,
  cause: 'recognizer_unavailable',
});

const alreadySaidFrom = async (fromMs: number) =>
  (await loggedOf(log, 'mic', fromMs, (await log.head()).seq)).alreadySaid;

test('[LOG6] words fill the gap that they overlap, and no other', async () => {
  for (const entry of [gap(1_000, 2_000), gap(5_000, 6_000)]) await log.append(entry);
  const alreadySaid = await alreadySaidFrom(0);
  expect(alreadySaid.filledBy({ start_ms: 900, end_ms: 1_001 })).toBe(1);
  expect(alreadySaid.filledBy({ start_ms: 5_500, end_ms: 5_600 })).toBe(2);
  for (const [start_ms, end_ms] of [
    [0, 1_000],
    [2_000, 5_000],
    [6_000, 7_000],
  ] as const)
    expect(alreadySaid.filledBy({ start_ms, end_ms })).toBe(undefined);
});

test('[LOG6] gaps of the other source, and those before the place where audio is sent again, are not filled', async () => {
  for (const entry of [gap(1_000, 2_000), gap(3_000, 9_000, 'system')]) await log.append(entry);
  const alreadySaid = await alreadySaidFrom(2_000);
  expect(alreadySaid.filledBy({ start_ms: 1_500, end_ms: 3_500 })).toBe(undefined);
});

test('[LOG6] a gap is found behind many entries', async () => {
  await log.append(gap(1_000, 2_000));
  for (let entry = 0; entry < 900; entry += 1) await log.append(statusEntry('note'));
  expect((await alreadySaidFrom(0)).filledBy({ start_ms: 1_000, end_ms: 1_500 })).toBe(1);
});

test('[LOG8] of a channel that is heard apart words that were taken back are not said again', async () => {
  const meta = { source: 'mic' as const, channel: 1 };
  await log.append(finalEntry(1, { start_ms: 1_000, end_ms: 1_400, meta }));
  await log.append(finalEntry(2, { start_ms: 2_000, end_ms: 2_400, meta }));
  await log.retract({ segmentNo: 2 });
  const words = ['one', 'two', 'three'].map((text, index) => ({
    text,
    startMs: 1_000 * (index + 1),
    endMs: 1_000 * (index + 1) + 400,
  }));
  const span = {
    kind: 'span' as const,
    channel: 1,
    startMs: 0,
    endMs: 4_000,
    isFinal: true,
    endsUtterance: true,
  };
  const again = { ...span, text: 'one two three', words };
  const alreadySaid = await alreadySaidFrom(0);
  expect(alreadySaid.withoutSaid(again, (ms) => ms).text).toBe('three');
  expect(alreadySaid.withoutSaid({ ...again, channel: 0 }, (ms) => ms).text).toBe('one two three');
});
