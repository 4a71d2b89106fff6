/** What a log says about audio that nobody has heard. */
import type { LogEntry } from '@meetcast/protocol';
import { beforeEach, expect, test } from 'vitest';
import { memoryBus } from '../../src/bus/memory.ts';
import { GapHistory } from '../../src/late-hearing/gap-history.ts';
import type { Leftover } from '../../src/late-hearing/leftover.ts';
import type { MeetingRef } from '../../src/lib/meeting.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { finalEntry, freshMeeting, statusEntry, ts } from '../support/entries.ts';
import { logOf } from '../support/log.ts';

let meeting: MeetingRef;
let store: ReturnType<typeof memoryStore>;
let gapHistory: GapHistory;

beforeEach(async () => {
  meeting = freshMeeting();
  store = memoryStore();
  const { epoch } = await store.append(meeting, begun('live'));
  const leftover: Leftover = {
    meeting,
    source: 'mic',
    epoch,
    sinceSeq: 1,
    keptAtMs: 0,
    format: { sampleRate: 16_000, channels: 1 },
    bytes: 320_000,
    offsets: [{ streamMs: 0, offsetMs: 10_000 }],
    cause: 'recognizer_unavailable',
    fence: 5,
    canResume: true,
    claim: 'none',
    saidMs: [0],
    saying: { segmentNo: 7, ts, channel: 0, endMs: 900 },
  };
  gapHistory = new GapHistory(logOf(meeting, store, memoryBus()), leftover);
});

const begun = (status: string, source = 'mic') => ({ ...statusEntry(status), meta: { source } }) as LogEntry;
const gapEntry: LogEntry = {
  type: 'gap',
  meeting_id: 'm',
  ts,
  source: 'mic',
  start_ms: 10_000,
  end_ms: 20_000,
  cause: 'recognizer_unavailable',
};
const log = async (...entries: LogEntry[]) => {
  for (const entry of entries) await store.append(meeting, entry);
  await gapHistory.follow();
};

test('the first start of its own source after its gap counts, and no other', async () => {
  await log(gapEntry, begun('live', 'system'), begun('idle'));
  expect(gapHistory.firstStart).toBeUndefined();
  await log(begun('recovered'), begun('live'));
  expect(gapHistory.firstStart).toBe('recovered');
});

test('a newer gap of the audio begins the story anew', async () => {
  await log(gapEntry, begun('recovered'), finalEntry(1, { repairs: 2 }));
  expect([gapHistory.gap?.seq, gapHistory.firstStart, gapHistory.isRepaired]).toEqual([2, 'recovered', true]);
  await log(gapEntry);
  expect([gapHistory.gap?.seq, gapHistory.firstStart, gapHistory.isRepaired]).toEqual([5, undefined, false]);
});

test('a repair of another gap is none of its', async () => {
  await log(gapEntry, finalEntry(1, { repairs: 1 }), finalEntry(2));
  expect(gapHistory.isRepaired).toBe(false);
});

test('a final is the one that was about to be written by its number and its instant', async () => {
  await log(gapEntry, finalEntry(7, { ts: '2026-03-02T09:00:05.000Z' }), finalEntry(8));
  expect(gapHistory.isSaid).toBe(false);
});

test.each([false, true])('it is said, whether it was then taken back: %s', async (isGone) => {
  await store.append(meeting, finalEntry(7));
  if (isGone) await store.retract(meeting, { segmentNo: 7 }, '2026-03-02T09:00:09.000Z');
  await gapHistory.follow();
  expect(gapHistory.isSaid).toBe(true);
});

test('it is followed to its end, however long it is', async () => {
  for (let at = 1; at <= 1_001; at += 1) await store.append(meeting, statusEntry('idle'));
  await log(gapEntry);
  expect(gapHistory.gap?.seq).toBe(1_003);
});
