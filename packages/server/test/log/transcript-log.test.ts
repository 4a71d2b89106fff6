import { beforeEach, expect, test } from 'vitest';
import { memoryBus } from '../../src/bus/memory.ts';
import type { Message } from '../../src/bus/message.ts';
import { StaleFenceError } from '../../src/lib/errors.ts';
import { HostMeeting } from '../../src/log/host-meeting.ts';
import type { TranscriptLog } from '../../src/log/transcript-log.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { type HubEvent, safely } from '../../src/watch/observer.ts';
import { finalEntry, freshMeeting, partialEvent, statusEntry } from '../support/entries.ts';
import { logOf } from '../support/log.ts';

const meeting = freshMeeting();
let store: ReturnType<typeof memoryStore>;
let bus: ReturnType<typeof memoryBus>;
let observed: HubEvent[];
let log: TranscriptLog;

beforeEach(() => {
  store = memoryStore();
  bus = memoryBus();
  observed = [];
  log = logOf(meeting, store, bus, undefined, (event) => observed.push(event));
});

test('[LOG7] a final is in the store before anyone hears of it', async () => {
  const heads: Promise<{ seq: number }>[] = [];
  const heard: Message[] = [];
  await bus.subscribe(meeting, (message) => {
    heard.push(message);
    heads.push(store.head(meeting));
  });
  const message = await log.append(finalEntry(1));
  expect(heard).toEqual([message]);
  expect(await heads[0]).toMatchObject({ seq: 1 });
});

test('[LOG7] what the store refuses nobody hears of', async () => {
  const heard: Message[] = [];
  await bus.subscribe(meeting, (message) => heard.push(message));
  await store.cover(meeting, { source: 'mic', fence: 2, coveredMs: 0 });
  const stale = log.append(finalEntry(1), { reach: { source: 'mic', fence: 1, coveredMs: 900 } });
  await expect(stale).rejects.toThrow(StaleFenceError);
  expect(heard).toEqual([]);
});

test('[REDIS2] a bus that fails does not fail the append, and is reported', async () => {
  bus.publish = () => Promise.reject(new Error('the bus is down'));
  expect((await log.append(finalEntry(1))).seq).toBe(1);
  expect((await log.append(statusEntry('idle'))).seq).toBe(2);
  expect(log.show(partialEvent(2, 'so')).seq).toBe(0);
  await expect.poll(() => observed.filter(({ type }) => type === 'error')).toHaveLength(3);
  expect(observed.find(({ type }) => type === 'error')).toMatchObject({ stage: 'bus', meeting });
});

test('[LOG2] what is shown is not kept', async () => {
  log.show(partialEvent(1, 'so'));
  expect(await log.head()).toMatchObject({ seq: 0 });
});

test('every final is observed with its place, and nothing else is', async () => {
  await log.append(statusEntry('live'));
  await log.append(finalEntry(1));
  expect(observed).toEqual([{ type: 'final', meeting, source: 'mic', seq: 2 }]);
});

test('an observer that throws changes nothing', async () => {
  const throwing = safely(() => {
    throw new Error('a broken observer');
  });
  const own = logOf(meeting, store, bus, undefined, throwing);
  expect((await own.append(finalEntry(1))).seq).toBe(1);
  expect(safely(undefined)({ type: 'final', meeting, source: 'mic', seq: 1 })).toBeUndefined();
});

test('a host’s entries are numbered with everyone’s, and answered with their seq', async () => {
  const host = new HostMeeting(log, memoryRegistry());
  expect(await host.status('live', 'it begins', { stage: 'now' })).toBe(1);
  expect(await host.tip('ask why', 'coaching')).toBe(2);
  expect(await host.summary('it was said', ['do it'])).toBe(3);
  expect(
    await host.final({ text: 'so', startMs: 0, endMs: 1, speaker: 'Ayşe', source: 'mic', language: 'tr' }),
  ).toBe(4);
  const { events } = await log.read(0, 10);
  expect(events).toMatchObject([
    { type: 'status', status: 'live', message: 'it begins', details: { stage: 'now' } },
    { type: 'ai.tip', tip: 'ask why', category: 'coaching' },
    { type: 'summary', summary: 'it was said', action_items: ['do it'] },
    { type: 'transcript.final', speaker: 'Ayşe', meta: { source: 'mic', language: 'tr' }, segment_no: 1 },
  ]);
  for (const event of events)
    expect(event).toMatchObject({ meeting_id: meeting.id, ts: expect.stringMatching(/Z$/) });
});

test('[LOG4] a host’s segments get numbers of their own, above all that are in the log', async () => {
  await log.append(finalEntry(41));
  const host = new HostMeeting(log, memoryRegistry());
  const partial = await host.partial({ text: 'so', startMs: 0, endMs: 1 });
  expect(partial).toBe(42);
  await host.final({ text: 'in between', startMs: 0, endMs: 1 });
  await host.final({ text: 'so it is', startMs: 0, endMs: 1, segmentNo: partial });
  const { events } = await log.read(1, 10);
  expect(events).toMatchObject([{ segment_no: 43 }, { segment_no: 42 }]);
});

test('[LOG4] a final whose number names another utterance by now gets another one, and is not dropped', async () => {
  await store.append(meeting, finalEntry(1, { text: 'by another node', ts: '2026-03-02T09:00:09.000Z' }));
  const numbers = [1, 2];
  const renumber = async () => numbers.shift() ?? 0;
  const heard: Message[] = [];
  await bus.subscribe(meeting, (message) => heard.push(message));
  const reach = { source: 'mic' as const, fence: 1, coveredMs: 900 };
  const message = await log.append(finalEntry(1), { reach, renumber });
  expect(message).toMatchObject({ seq: 2, segmentNo: 2 });
  expect(heard).toEqual([message]);
  const { events } = await log.read(0, 10);
  expect(events).toMatchObject([{ text: 'by another node' }, { text: 'final 1', segment_no: 2 }]);
  expect(await store.covered(meeting, 'mic')).toBe(900);
});

test('[REST15] a final whose number was given from outside is not added again', async () => {
  await log.append(finalEntry(1));
  const other = finalEntry(1, { text: 'again', ts: '2026-03-02T09:00:09.000Z' });
  expect(await log.append(other)).toMatchObject({ seq: 1, segmentNo: 1 });
  expect(await log.head()).toMatchObject({ seq: 1 });
});

test('a host’s final without a number gets another one when its number is taken, and says which', async () => {
  const registry = memoryRegistry();
  const given = [1, 1, 7];
  registry.nextSegmentNo = async () => given.shift() ?? 0;
  const host = new HostMeeting(log, registry);
  const segment = { startMs: 0, endMs: 1 };
  expect(await host.numberedFinal({ ...segment, text: 'one' })).toEqual({ seq: 1, segmentNo: 1 });
  expect(await host.numberedFinal({ ...segment, text: 'two' })).toEqual({ seq: 2, segmentNo: 7 });
  expect(await host.numberedFinal({ ...segment, text: 'three', segmentNo: 7 })).toEqual({
    seq: 2,
    segmentNo: 7,
  });
});

test.each(['whole', 'in part'])(
  '[LOG8] a final that was taken back %s before it came keeps its number, and is not said again under another',
  async (how) => {
    const words = ['one', 'two'].map((text, index) => ({
      text,
      start_ms: index * 1_000,
      end_ms: index * 1_000 + 400,
    }));
    await log.retract({ startMs: how === 'whole' ? 0 : 900, endMs: 2_000 });
    const final = finalEntry(1, { text: 'one two', start_ms: 0, end_ms: 1_400 });
    const reach = { source: 'mic' as const, fence: 1, coveredMs: 1_400 };
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const message = await log.append(final, { words, reach, renumber: async () => 2 });
      expect(message).toMatchObject({ seq: 2, segmentNo: 1 });
    }
    expect(await log.covered('mic')).toBe(1_400);
    expect((await log.read(0, 10)).events).toHaveLength(2);
    const others = finalEntry(1, {
      text: 'two one',
      start_ms: 0,
      end_ms: 1_400,
      ts: '2026-03-02T09:00:09.000Z',
    });
    expect(await log.append(others, { words: [], renumber: async () => 2 })).toMatchObject({ segmentNo: 2 });
  },
);
