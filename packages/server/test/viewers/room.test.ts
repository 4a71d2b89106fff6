import type { LoggedEvent } from '@meetcast/protocol';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { memoryBus } from '../../src/bus/memory.ts';
import { loggedMessage, type Message } from '../../src/bus/message.ts';
import type { TranscriptLog } from '../../src/log/transcript-log.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { type Batch, batchOf, type Member, Room } from '../../src/viewers/room.ts';
import { Rooms } from '../../src/viewers/rooms.ts';
import {
  finalEntry,
  finalMessage,
  freshMeeting,
  partialMessage,
  statusEntry,
  statusMessage,
} from '../support/entries.ts';
import { gatedStore } from '../support/gated-store.ts';
import { logOf, messageBus } from '../support/log.ts';
import { storeWith } from '../support/store-with.ts';

const unobserved = () => {};

/** A viewer that only remembers. */
class Recorder implements Member {
  readonly batches: Batch[] = [];
  readonly reached: number[] = [];
  restarts = 0;

  deliver(batch: Batch): void {
    this.batches.push(batch);
  }

  behind(seq: number): void {
    this.reached.push(seq);
  }

  restart(): void {
    this.restarts += 1;
  }

  get heard(): string[] {
    return this.batches.flatMap(({ messages }) => messages.map(nameOf));
  }
}

const nameOf = ({ seq, type, segmentNo }: Message) => `${type} ${seq || segmentNo}`;
const turn = () => new Promise((resolve) => setImmediate(resolve));

let store: ReturnType<typeof memoryStore>;
let shared: ReturnType<typeof memoryBus>;
let bus: ReturnType<typeof messageBus>;
let log: TranscriptLog;

beforeEach(() => {
  store = memoryStore();
  shared = memoryBus();
  bus = messageBus(shared);
  log = logOf(freshMeeting(), store, bus);
});

async function roomWith(...members: Member[]): Promise<Room> {
  const room = new Room(log, bus, 10);
  await Promise.all(members.map((member) => room.join(member)));
  return room;
}

const publish = (...messages: Message[]) =>
  Promise.all(messages.map((message) => bus.publish(log.meeting, message)));

test('what one turn of the event loop brings is delivered as one batch, in order', async () => {
  const viewer = new Recorder();
  await roomWith(viewer);
  await publish(statusMessage(1), finalMessage(2, 1), partialMessage(2, 'so'), finalMessage(3, 2));
  expect(viewer.batches).toHaveLength(0);
  await turn();
  expect(viewer.batches).toHaveLength(1);
  expect(viewer.heard).toEqual([
    'status 1',
    'transcript.final 2',
    'transcript.partial 2',
    'transcript.final 3',
  ]);
  await publish(statusMessage(4));
  await turn();
  expect(viewer.batches).toHaveLength(2);
});

test('every viewer is handed the same bytes', async () => {
  const viewers = [new Recorder(), new Recorder()];
  await roomWith(...viewers);
  const messages = [finalMessage(1), partialMessage(2, 'so')];
  await publish(...messages);
  await turn();
  const [first, second] = viewers.map(({ batches }) => batches[0]?.frames);
  expect(first).toBe(second);
  expect(first?.equals(Buffer.concat(messages.map(({ frame }) => frame)))).toBe(true);
});

test('a batch says where it begins and ends, and whether it has a hole', () => {
  const place = (...messages: Message[]) => {
    const { firstSeq, lastSeq, isUnbroken, epoch } = batchOf(messages);
    return { firstSeq, lastSeq, isUnbroken, epoch };
  };
  expect(place(partialMessage(1, 'x'))).toEqual({ firstSeq: 0, lastSeq: 0, isUnbroken: true, epoch: '' });
  expect(place(finalMessage(4), partialMessage(9, 'x'), finalMessage(5))).toEqual({
    firstSeq: 4,
    lastSeq: 5,
    isUnbroken: true,
    epoch: 'e1',
  });
  expect(place(finalMessage(4), finalMessage(6)).isUnbroken).toBe(false);
  expect(place(finalMessage(5), finalMessage(4)).isUnbroken).toBe(false);
  expect(place(finalMessage(4), finalMessage(4)).isUnbroken).toBe(false);
});

test('[LOG5] a partial that comes after its own final is dropped', async () => {
  const viewer = new Recorder();
  const room = await roomWith(viewer);
  await publish(partialMessage(7, 'so'), finalMessage(1, 7), partialMessage(7, 'so late'));
  await turn();
  expect(viewer.heard).toEqual(['transcript.partial 7', 'transcript.final 1']);
  expect([...room.partials]).toEqual([]);
});

test('[LOG5] a partial stands until its own final, whatever later segments of its source are final', async () => {
  const viewer = new Recorder();
  const room = await roomWith(viewer);
  await publish(partialMessage(7, 'one channel'), finalMessage(1, 8));
  expect([...room.partials]).toHaveLength(1);
  await publish(partialMessage(7, 'one channel so far'));
  await turn();
  expect(viewer.heard).toEqual(['transcript.partial 7', 'transcript.final 1', 'transcript.partial 7']);
  expect([...room.partials]).toHaveLength(1);
});

test('[SUB4] a room knows the newest partial of each source, until its final', async () => {
  const room = await roomWith();
  const current = () => [...room.partials].map(({ text }) => JSON.parse(text).text);
  await publish(partialMessage(1, 'a'), partialMessage(2, 'b', 'system'), partialMessage(1, 'a a'));
  expect(current()).toEqual(['a a', 'b']);
  await publish(finalMessage(1, 1));
  expect(current()).toEqual(['b']);
  await publish(finalMessage(2, 2, 'system'), partialMessage(3, 'c'));
  expect(current()).toEqual(['c']);
});

test('a final read from the log ends its partial too, though its announcement was lost', async () => {
  const room = await roomWith();
  await publish(partialMessage(1, 'so'));
  await store.append(log.meeting, finalEntry(1));
  await room.read(0);
  expect([...room.partials]).toEqual([]);
  await publish(partialMessage(1, 'so late'));
  expect([...room.partials]).toEqual([]);
});

test('viewers at the same place share one read, and a later one is a new read', async () => {
  const counting = gatedStore();
  const room = new Room(logOf(log.meeting, counting, bus), bus, 10);
  await counting.append(log.meeting, statusEntry('live'));
  const pages = await Promise.all([room.read(0), room.read(0), room.read(0), room.read(1)]);
  expect(counting.reads).toBe(2);
  expect(pages.map(({ events }) => events.length)).toEqual([1, 1, 1, 0]);
  await room.read(0);
  expect(counting.reads).toBe(3);
});

test('a read that began before an announcement is not shared after it', async () => {
  const gated = gatedStore();
  const own = logOf(log.meeting, gated, bus);
  const room = new Room(own, bus, 10);
  gated.hold();
  const before = room.read(0);
  await own.append(statusEntry('live'));
  const after = room.read(0);
  gated.open();
  expect((await before).events).toEqual([]);
  expect((await after).events).toHaveLength(1);
});

test('a failed read is not remembered', async () => {
  let isDown = true;
  const read: typeof store.read = async (...args) => {
    if (isDown) throw new Error('the store is down');
    return store.read(...args);
  };
  const room = new Room(logOf(log.meeting, storeWith(store, { read }), bus), bus, 10);
  await expect(room.read(0)).rejects.toThrow('the store is down');
  isDown = false;
  expect((await room.read(0)).events).toEqual([]);
});

test('a head check finds what the bus lost, and tells every viewer how far the log reaches', async () => {
  const viewers = [new Recorder(), new Recorder()];
  const room = await roomWith(...viewers);
  await log.append(statusEntry('live'));
  await store.append(log.meeting, statusEntry('idle'));
  expect(room.headSeq).toBe(1);
  await room.checkHead();
  expect(room.headSeq).toBe(2);
  for (const { reached } of viewers) expect(reached).toEqual([2]);
});

test('[LOG9] a head that went back is another log: every viewer begins anew', async () => {
  const viewers = [new Recorder(), new Recorder()];
  const room = await roomWith(...viewers);
  await log.append(statusEntry('live'));
  await store.forget(log.meeting);
  await room.checkHead();
  for (const { restarts, reached } of viewers)
    expect({ restarts, reached }).toEqual({ restarts: 1, reached: [] });
});

test('[LOG9] a head of another log, however long that is, is another log: every viewer begins anew', async () => {
  const viewer = new Recorder();
  const room = await roomWith(viewer);
  await log.append(statusEntry('live'));
  await store.forget(log.meeting);
  for (const status of ['live', 'idle', 'live']) await store.append(log.meeting, statusEntry(status));
  expect(await room.checkHead()).toBe(false);
  expect(viewer).toMatchObject({ restarts: 1, reached: [] });
});

test('[LOG9] an empty log that gets its epoch with its first entry is not another one', async () => {
  const viewer = new Recorder();
  const room = await roomWith(viewer);
  room.reach(await log.head());
  await store.append(freshMeeting(), statusEntry('live'));
  const forgotten = freshMeeting();
  await store.append(forgotten, statusEntry('live'));
  await store.forget(forgotten);
  expect(await room.checkHead()).toBe(true);
  expect(viewer.restarts).toBe(0);
});

test('[SUB4] what a source was saying is not current any longer when it begins anew, or is silent', async () => {
  const room = await roomWith();
  const current = () => [...room.partials].map(({ text }) => JSON.parse(text).text);
  const begins = (source: 'mic' | 'system') =>
    loggedMessage({
      epoch: 'e1',
      event: { ...statusEntry('recovered'), seq: 1, meta: { source } } as LoggedEvent,
    });
  await publish(partialMessage(1, 'a'), partialMessage(2, 'b', 'system'), begins('mic'));
  expect(current()).toEqual(['b']);
  await publish(partialMessage(3, 'c'), statusMessage(2));
  expect(current()).toEqual(['b', 'c']);
  room.silence('system');
  expect(current()).toEqual(['c']);
});

test('what is for this node alone is handed out with the rest, in its turn', async () => {
  const viewer = new Recorder();
  const room = await roomWith(viewer);
  await publish(statusMessage(1));
  room.show(partialMessage(7, 'here'));
  await publish(statusMessage(2));
  await turn();
  expect(viewer.heard).toEqual(['status 1', 'transcript.partial 7', 'status 2']);
});

test('a room that was left hears nothing more', async () => {
  const viewer = new Recorder();
  const room = await roomWith(viewer);
  await publish(finalMessage(1));
  await room.close();
  await publish(finalMessage(2));
  await turn();
  expect(viewer.heard).toEqual([]);
});

const limits = { pageEntries: 10, headCheckMs: 60_000 };

test('viewers of a meeting share a room and one subscription; the last one ends it', async () => {
  let open = 0;
  const counting = {
    ...shared,
    async subscribe(...args: Parameters<typeof shared.subscribe>) {
      const stop = await shared.subscribe(...args);
      open += 1;
      return async () => {
        open -= 1;
        await stop();
      };
    },
  };
  const rooms = new Rooms(messageBus(counting), limits, unobserved);
  const [first, second] = [new Recorder(), new Recorder()];
  const [room, same] = await Promise.all([rooms.join(log, first), rooms.join(log, second)]);
  expect(room).toBe(same);
  expect(open).toBe(1);
  rooms.leave(room, first);
  expect(open).toBe(1);
  rooms.leave(room, second);
  await expect.poll(() => open).toBe(0);
  expect(await rooms.join(log, first)).not.toBe(room);
  await rooms.close();
  expect(open).toBe(0);
});

test('a failed subscription leaves nothing behind: the next viewer tries anew', async () => {
  let attempts = 0;
  const refusing = {
    ...shared,
    async subscribe(...args: Parameters<typeof shared.subscribe>) {
      attempts += 1;
      if (attempts === 1) throw new Error('the bus is down');
      return shared.subscribe(...args);
    },
  };
  const rooms = new Rooms(messageBus(refusing), limits, unobserved);
  const viewer = new Recorder();
  await expect(rooms.join(log, new Recorder())).rejects.toThrow('the bus is down');
  await rooms.join(log, viewer);
  await publish(finalMessage(1));
  await turn();
  expect(viewer.heard).toEqual(['transcript.final 1']);
  expect(attempts).toBe(2);
  await rooms.close();
});

test('viewers who joined while the subscription failed are all told', async () => {
  const refusing = { ...shared, subscribe: () => Promise.reject(new Error('the bus is down')) };
  const rooms = new Rooms(messageBus(refusing), limits, unobserved);
  const joins = await Promise.allSettled([rooms.join(log, new Recorder()), rooms.join(log, new Recorder())]);
  expect(joins.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await rooms.close();
});

test('[LOG9] who comes back to a meeting with another log finds a room of its own', async () => {
  const rooms = new Rooms(bus, { pageEntries: 10, headCheckMs: 5 }, unobserved);
  const viewer = new Recorder();
  const room = await rooms.join(log, viewer);
  await log.append(statusEntry('live'));
  await store.forget(log.meeting);
  await expect.poll(() => viewer.restarts).toBeGreaterThan(0);
  const back = new Recorder();
  expect(await rooms.join(log, back)).not.toBe(room);
  await rooms.close();
});

test('while the bus is isolated rooms look at the log every second, and at once when that ends', async () => {
  const rooms = new Rooms(bus, limits, unobserved);
  const viewer = new Recorder();
  await rooms.join(log, viewer);
  rooms.setIsolated(true);
  await store.append(log.meeting, statusEntry('live'));
  await expect.poll(() => viewer.reached.at(-1)).toBe(1);
  await store.append(log.meeting, statusEntry('idle'));
  rooms.setIsolated(false);
  await turn();
  expect(viewer.reached.at(-1)).toBe(2);
  await rooms.close();
});

test('a store that does not answer is not asked again meanwhile', async () => {
  let asked = 0;
  const head = () => {
    asked += 1;
    return new Promise<never>(() => {});
  };
  const rooms = new Rooms(bus, { pageEntries: 10, headCheckMs: 5 }, unobserved);
  await rooms.join(logOf(log.meeting, storeWith(store, { head }), bus), new Recorder());
  await expect.poll(() => asked).toBe(1);
  rooms.setIsolated(false); // Others were away until now: an answer to an earlier question may not know what they said.
  expect(asked).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(asked).toBe(2);
  await rooms.close();
});

test('rooms have one timer, however often they are isolated, and none when they are closed', async () => {
  vi.useFakeTimers();
  try {
    const rooms = new Rooms(bus, limits, unobserved);
    for (const isIsolated of [true, true, false]) rooms.setIsolated(isIsolated);
    expect(vi.getTimerCount()).toBe(1);
    await rooms.close();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

describe('[LOG8] what was taken back', () => {
  const taken = { startMs: 500, endMs: 600 };
  const said = ({ partials }: Room) => [...partials].map(({ segmentNo }) => segmentNo);

  test('is not what a source is saying now, for whoever comes', async () => {
    const room = await roomWith(new Recorder());
    await publish(partialMessage(1, 'so'), partialMessage(2, 'theirs', 'system'));
    await log.retract({ ...taken, source: 'mic' });
    expect(said(room)).toEqual([2]);
    await log.retract({ segmentNo: 2 });
    expect(said(room)).toEqual([]);
  });

  test('is not shown when more of it is said, also under another number', async () => {
    const viewer = new Recorder();
    const room = await roomWith(viewer);
    await log.retract(taken);
    await publish(partialMessage(1, 'so'), partialMessage(2, 'so again'));
    await turn();
    expect(viewer.heard).toEqual(['retract 1']);
    expect(said(room)).toEqual([]);
  });

  test('takes the partials of revisions that go with it', async () => {
    const room = await roomWith(new Recorder());
    await log.append(finalEntry(1));
    await log.append(finalEntry(2, { revises: 1 }));
    await log.append(finalEntry(3, { revises: 2 }));
    await log.retract({ segmentNo: 1 });
    await publish(partialMessage(3, 'so'));
    expect(said(room)).toEqual([]);
  });

  test('is known to a room that was made after it', async () => {
    await log.retract(taken);
    const room = await roomWith(new Recorder());
    await room.recall(await log.head());
    await publish(partialMessage(1, 'so'));
    expect(said(room)).toEqual([]);
  });
});
