import type { LoggedEvent } from '@meetcast/protocol';
import { expect, test } from 'vitest';
import type { Message } from '../../src/bus/message.ts';
import { HostMeeting } from '../../src/log/host-meeting.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { freshMeeting } from '../support/entries.ts';
import { logOf, messageBus } from '../support/log.ts';

async function hosted() {
  const ref = freshMeeting();
  const [store, bus, registry] = [memoryStore(), messageBus(), memoryRegistry()];
  const heard: Message[] = [];
  await bus.subscribe(ref, (message) => heard.push(message));
  const events = async (): Promise<readonly LoggedEvent[]> => (await store.read(ref, 0, 100)).events;
  return { ref, store, registry, heard, events, meeting: new HostMeeting(logOf(ref, store, bus), registry) };
}

test('[REST14] each kind becomes an entry of the log, with nothing in it that was not said', async () => {
  const { meeting, events, ref } = await hosted();
  expect(await meeting.status('live', 'it begins', { title: 'Stand-up' })).toBe(1);
  expect(await meeting.tip('ask')).toBe(2);
  expect(await meeting.summary('all said')).toBe(3);
  expect(await meeting.final({ text: 'hello', startMs: 0, endMs: 900 })).toBe(4);
  expect((await events()).map(({ ts: _ts, ...event }) => event)).toEqual([
    {
      type: 'status',
      seq: 1,
      meeting_id: ref.id,
      status: 'live',
      message: 'it begins',
      details: { title: 'Stand-up' },
    },
    { type: 'ai.tip', seq: 2, meeting_id: ref.id, tip: 'ask' },
    { type: 'summary', seq: 3, meeting_id: ref.id, summary: 'all said', action_items: [] },
    {
      type: 'transcript.final',
      seq: 4,
      meeting_id: ref.id,
      segment_no: 1,
      start_ms: 0,
      end_ms: 900,
      text: 'hello',
      meta: {},
    },
  ]);
});

test('[REST15] a partial is shown and not kept, and its number is its final’s', async () => {
  const { meeting, events, heard } = await hosted();
  const segmentNo = await meeting.partial({
    text: 'hel',
    startMs: 0,
    endMs: 1,
    source: 'mic',
    language: 'en',
  });
  expect(heard.map(({ type, source }) => [type, source])).toEqual([['transcript.partial', 'mic']]);
  expect(await events()).toEqual([]);
  await meeting.final({ text: 'hello', startMs: 0, endMs: 2, segmentNo });
  await meeting.final({ text: 'again', startMs: 2, endMs: 3 });
  expect((await events()).map((event) => 'segment_no' in event && event.segment_no)).toEqual([1, 2]);
});

test('[LOG4] a number is given once, to senders and to hosts, and after a restart of the registry', async () => {
  const { meeting, registry, ref, store } = await hosted();
  expect(await registry.nextSegmentNo(ref, 1)).toBe(1);
  expect(await meeting.nextSegmentNo()).toBe(2);
  await meeting.final({ text: 'x', startMs: 0, endMs: 1 });
  const restarted = new HostMeeting(logOf(ref, store, messageBus()), memoryRegistry());
  expect(await restarted.nextSegmentNo()).toBe(4);
});

test('[REST16] [LOG6] a final replaces another, and what is taken back is gone', async () => {
  const { meeting, store, ref } = await hosted();
  await meeting.final({ text: 'first', startMs: 0, endMs: 1, segmentNo: 1 });
  await meeting.final({ text: 'better', startMs: 0, endMs: 1, segmentNo: 2, revises: 1 });
  const texts = async () => (await store.transcript(ref, 0, 10)).map(({ text }) => text);
  expect(await texts()).toEqual(['better']);
  expect(await meeting.retract({ segmentNo: 2 })).toBe(3);
  expect(await texts()).toEqual([]);
});
