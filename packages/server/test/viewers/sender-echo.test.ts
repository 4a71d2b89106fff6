/** What a sender hears of its meeting, beside the answers to itself. */
import { beforeEach, expect, test } from 'vitest';
import { memoryBus } from '../../src/bus/memory.ts';
import { type Bus, memoryStore } from '../../src/index.ts';
import { isolationMessage } from '../../src/log/outage.ts';
import type { TranscriptLog } from '../../src/log/transcript-log.ts';
import { Rooms } from '../../src/viewers/rooms.ts';
import type { SenderEcho } from '../../src/viewers/sender-echo.ts';
import { finalEntry, freshMeeting, statusEntry } from '../support/entries.ts';
import { logOf, messageBus } from '../support/log.ts';

const meeting = freshMeeting();
let bus: Bus;
let rooms: Rooms;
let senders: SenderEcho;
let failures: number;
let store: ReturnType<typeof memoryStore>;

beforeEach(() => {
  [bus, store, failures] = [memoryBus(), memoryStore(), 0];
  rooms = new Rooms(messageBus(bus), { pageEntries: 10, headCheckMs: 60_000 }, ({ type }) => {
    if (type === 'error') failures += 1;
  });
  ({ senders } = rooms);
  return () => rooms.close();
});

/** Somebody's way into the meeting: of a sender, a host, or whoever hears late. */
const speaker = (of = meeting, through = bus): TranscriptLog => logOf(of, store, messageBus(through));

/** A sender of the meeting, and what it has heard. */
function sender(log = speaker()) {
  const heard: string[] = [];
  const leave = senders.enter(log, ({ type, seq }) => heard.push(`${type} ${seq}`));
  return { log, heard, leave };
}

test('a sender hears what it says itself, in its order, and nobody else’s words', async () => {
  const [mic, system] = [sender(), sender()];
  await mic.log.append(statusEntry('live'));
  mic.log.show({ ...finalEntry(0), type: 'transcript.partial' });
  await mic.log.append(finalEntry(0));
  await system.log.append(finalEntry(1));
  await speaker().append(finalEntry(2));
  expect(mic.heard).toEqual(['status 1', 'transcript.partial 0', 'transcript.final 2']);
  expect(system.heard).toEqual(['transcript.final 3']);
});

test('a sender hears its word by the time its write is known to have succeeded', async () => {
  const { log, heard } = sender();
  const written = log.append(finalEntry(0)).then(() => heard.length);
  expect(await written).toBe(1);
});

test('every sender hears what is taken back, by whomever', async () => {
  const [mic, system] = [sender(), sender()];
  await mic.log.append(finalEntry(1));
  await speaker().retract({ segmentNo: 1 });
  await expect.poll(() => [mic.heard.at(-1), system.heard]).toEqual(['retract 2', ['retract 2']]);
});

test.each([
  ['loses everything', { publish: async () => {} }],
  ['refuses everything', { publish: () => Promise.reject(new Error('the bus is away')) }],
  ['cannot be listened to', { subscribe: () => Promise.reject(new Error('the bus is away')) }],
])('a bus that %s does not keep a sender from its words', async (_how, fault: Partial<Bus>) => {
  const { log, heard, leave } = sender(speaker(meeting, { ...bus, ...fault }));
  await log.append(finalEntry(0));
  expect(heard).toEqual(['transcript.final 1']);
  leave();
});

test('a bus that cannot be listened to is told of once', async () => {
  const subscribe = () => Promise.reject(new Error('the bus is away'));
  const { leave } = sender(speaker(meeting, { ...bus, subscribe }));
  await expect.poll(() => failures).toBe(1);
  leave();
  await new Promise((resolve) => setImmediate(resolve));
  expect(failures).toBe(1);
});

test('how this node is every sender of the meeting hears once, and nobody elsewhere', () => {
  const [mic, system, other] = [sender(), sender(), sender(speaker(freshMeeting()))];
  rooms.show(meeting, isolationMessage(meeting, 'degraded'));
  expect([mic.heard, system.heard, other.heard]).toEqual([['status 0'], ['status 0'], []]);
});

test('the meetings of this node are those that somebody here sends or follows, each once', async () => {
  const [first, second] = [sender(), sender()];
  const follower = { deliver() {}, behind() {}, restart() {} };
  const room = await rooms.join(speaker(), follower);
  expect(rooms.meetings).toEqual([meeting]);
  rooms.leave(room, follower);
  first.leave();
  expect(rooms.meetings).toEqual([meeting]);
  second.leave();
  expect(rooms.meetings).toEqual([]);
});

test('who has left hears nothing more, and leaves no subscription behind', async () => {
  let open = 0;
  const counting: Bus = {
    ...bus,
    async subscribe(...args) {
      const stop = await bus.subscribe(...args);
      open += 1;
      return async () => {
        open -= 1;
        await stop();
      };
    },
  };
  const { log, heard, leave } = sender(speaker(meeting, counting));
  await expect.poll(() => open).toBe(1);
  leave();
  await expect.poll(() => open).toBe(0);
  await log.append(finalEntry(0));
  await log.retract({ segmentNo: 0 });
  expect(heard).toEqual([]);
  leave();
  expect(open).toBe(0);
});
