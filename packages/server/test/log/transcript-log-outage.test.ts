import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { memoryBus } from '../../src/bus/memory.ts';
import type { Message } from '../../src/bus/message.ts';
import type { TranscriptLog } from '../../src/log/transcript-log.ts';
import type { Retraction } from '../../src/store/store.ts';
import { finalEntry, freshMeeting, statusEntry } from '../support/entries.ts';
import { logOf } from '../support/log.ts';
import { seeded } from '../support/random.ts';
import { type Condition, type UnsteadyStore, unsteadyStore } from '../support/unsteady-store.ts';

let store: UnsteadyStore;
let log: TranscriptLog;
let announced: Message[];

beforeEach(async () => {
  vi.useFakeTimers();
  store = unsteadyStore();
  const bus = memoryBus();
  log = logOf(freshMeeting(), store, bus);
  announced = [];
  await bus.subscribe(log.meeting, (message) => announced.push(message));
});
afterEach(() => void vi.useRealTimers());

const stored = async () => (await store.inner.read(log.meeting, 0, 1_000)).events;
const after = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

test('[LOG7] an entry is announced after it is kept, never before', async () => {
  store.condition = 'away';
  const kept = log.append(statusEntry('live'));
  await after(5_000);
  expect(announced).toEqual([]);
  store.condition = 'well';
  await after(1_000);
  expect((await kept).seq).toBe(1);
  expect(announced.map(({ seq }) => seq)).toEqual([1]);
  expect(await stored()).toHaveLength(1);
});

test('a write whose answer was lost is found again: nothing is kept twice, of any kind', async () => {
  const entries = [statusEntry('live'), finalEntry(1), statusEntry('idle'), finalEntry(2)];
  for (const entry of entries) {
    store.condition = 'lossy';
    const kept = log.append(entry);
    await after(0);
    store.condition = 'well';
    await after(1_000);
    await kept;
  }
  expect(announced.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  expect(await stored()).toEqual(entries.map((entry, index) => ({ ...entry, seq: index + 1 })));
});

test('it is found behind what others wrote meanwhile, and told apart from its likes', async () => {
  await log.append(statusEntry('live'));
  store.condition = 'lossy';
  const kept = log.append({ ...statusEntry('live'), ts: '2026-03-02T09:00:05.000Z' });
  await after(0);
  for (const number of upTo(20)) await store.inner.append(log.meeting, finalEntry(number));
  store.condition = 'well';
  await after(1_000);
  expect((await kept).seq).toBe(2);
  expect(await stored()).toHaveLength(22);
});

test('50 entries at once keep their order, each once, whatever the store does', async () => {
  for (const seed of upTo(20)) {
    const random = seeded(seed);
    const own = unsteadyStore();
    const conditions: Condition[] = ['well', 'well', 'away', 'lossy'];
    own.weather = () => conditions[Math.floor(random() * conditions.length)];
    const busy = logOf(freshMeeting(), own, memoryBus());
    const entries = upTo(50).map((number) =>
      random() < 0.5 ? finalEntry(number) : statusEntry(`${number}`),
    );
    const all = Promise.all(entries.map((entry) => busy.append(entry)));
    await after(600_000);
    expect((await all).map(({ seq }) => seq)).toEqual(upTo(50));
    const { events } = await own.inner.read(busy.meeting, 0, 100);
    expect(events, `seed ${seed}`).toEqual(entries.map((entry, index) => ({ ...entry, seq: index + 1 })));
  }
});

test('the settled head counts what still waited; the head is asked at once', async () => {
  store.condition = 'away';
  const appended = log.append(statusEntry('live'));
  const settled = log.settledHead();
  await expect(log.head()).rejects.toThrow('away');
  await after(3_000);
  store.condition = 'well';
  await after(1_000);
  await appended;
  expect((await settled).seq).toBe(1);
});

test('a final that got another number, and whose answer was lost, is kept once, under that number', async () => {
  await log.append(finalEntry(1, { text: 'by another node', ts: '2026-03-02T09:00:09.000Z' }));
  let number = 1;
  const renumber = async () => {
    number += 1;
    if (number === 2) store.condition = 'lossy';
    return number;
  };
  const kept = log.append(finalEntry(1), { renumber });
  await after(0);
  store.condition = 'well';
  await after(1_000);
  expect(await kept).toMatchObject({ seq: 2, segmentNo: 2 });
  expect((await stored()).map((event) => event.type === 'transcript.final' && event.segment_no)).toEqual([
    1, 2,
  ]);
});

test('a final whose answer was lost and whose text was then taken back does not come back', async () => {
  store.condition = 'lossy';
  const kept = log.append(finalEntry(1), { renumber: async () => 2 });
  await after(0);
  await store.inner.retract(log.meeting, { segmentNo: 1 }, '2026-03-02T09:00:09.000Z');
  store.condition = 'well';
  await after(1_000);
  expect((await kept).seq).toBe(1);
  expect((await stored()).map(({ type }) => type)).toEqual(['retract', 'retract']);
});

test.each<Retraction>([
  { segmentNo: 1 },
  { startMs: 0, endMs: 5_000 },
  { startMs: 0, endMs: 5_000, source: 'mic' },
])('a retraction whose answer was lost is in the log once: %o', async (what) => {
  await log.append(finalEntry(1));
  await log.append(finalEntry(2, { revises: 1, start_ms: 60_000, end_ms: 61_000 }));
  store.condition = 'lossy';
  const kept = log.retract(what);
  await after(0);
  await after(300);
  store.condition = 'well';
  await after(1_000);
  expect((await kept).seq).toBe(3);
  expect((await stored()).map(({ type }) => type)).toEqual(['retract', 'retract', 'retract']);
});
