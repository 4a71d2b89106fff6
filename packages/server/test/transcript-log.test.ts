import { beforeEach, expect, test } from 'vitest';
import { memoryBus } from '../src/bus/memory.ts';
import { StaleFenceError } from '../src/errors.ts';
import { HostMeeting } from '../src/host-meeting.ts';
import type { Message } from '../src/message.ts';
import { type HubEvent, safely } from '../src/observer.ts';
import { memoryRegistry } from '../src/registry/memory.ts';
import { memoryStore } from '../src/store/memory.ts';
import type { TranscriptLog } from '../src/transcript-log.ts';
import { finalEntry, freshMeeting, partialEvent, statusEntry } from './support/entries.ts';
import { logOf } from './support/log.ts';

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
  const stale = log.append(finalEntry(1), { source: 'mic', fence: 1, coveredMs: 900 });
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

test('[TLOG1] every final is observed with its place, and nothing else is', async () => {
  await log.append(statusEntry('live'));
  await log.append(finalEntry(1));
  expect(observed).toEqual([{ type: 'final', meeting, source: 'mic', seq: 2 }]);
});

test('[OBS1] an observer that throws changes nothing', async () => {
  const throwing = safely(() => {
    throw new Error('a broken observer');
  });
  const own = logOf(meeting, store, bus, undefined, throwing);
  expect((await own.append(finalEntry(1))).seq).toBe(1);
  expect(safely(undefined)({ type: 'final', meeting, source: 'mic', seq: 1 })).toBeUndefined();
});

test('[HOST1] a host’s entries are numbered with everyone’s, and answered with their seq', async () => {
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
