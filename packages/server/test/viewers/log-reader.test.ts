/** A reader's way through a meeting's log, over a real store and a real room. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TranscriptLog } from '../../src/log/transcript-log.ts';
import { LogReader, type LogReaderOptions, type Next } from '../../src/viewers/log-reader.ts';
import type { ResumePoint } from '../../src/viewers/resume-point.ts';
import type { Batch, Member } from '../../src/viewers/room.ts';
import { Rooms } from '../../src/viewers/rooms.ts';
import { finalEntry, finalMessage, freshMeeting, partialEvent } from '../support/entries.ts';
import { upTo } from '../support/hub.ts';
import { logOf, messageBus } from '../support/log.ts';
import { storeWith } from '../support/store-with.ts';
import { type UnsteadyStore, unsteadyStore } from '../support/unsteady-store.ts';

let store: UnsteadyStore;
let bus: ReturnType<typeof messageBus>;
let rooms: Rooms;
let log: TranscriptLog;
let reader: LogReader;

beforeEach(() => {
  vi.useFakeTimers();
  store = unsteadyStore();
  bus = messageBus();
  rooms = new Rooms(bus, { pageEntries: 2, headCheckMs: 3_600_000 }, () => {});
  log = logOf(freshMeeting(), store, bus);
});

afterEach(async () => {
  reader.leave();
  await rooms.close();
  vi.useRealTimers();
});

/** Takes what the room delivers, as a socket does. */
class Live implements Member {
  readonly took: boolean[] = [];
  readonly foreign: boolean[] = [];

  deliver(batch: Batch): void {
    this.foreign.push(reader.isForeign(batch));
    this.took.push(reader.take(batch));
  }

  behind(): void {}
  restart(): void {}
}

const all: ResumePoint = { kind: 'history', entries: Number.POSITIVE_INFINITY };
const after = (since: number, epoch?: string): ResumePoint => ({ kind: 'resume', since, epoch });

function read(changes: Partial<LogReaderOptions> = {}): LogReader {
  reader = new LogReader({ log, rooms, member: new Live(), historyEntries: 100, ...changes });
  return reader;
}

async function append(...numbers: number[]): Promise<void> {
  for (const number of numbers) await log.append(finalEntry(number));
}

/** In the log, and announced to nobody. */
const appendUnheard = (number: number) => store.inner.append(log.meeting, finalEntry(number));

const seqs = (next: Next) => (typeof next === 'string' ? next : next.events.map(({ seq }) => seq));

/** What is given from here on until nothing more is. */
async function rest(): Promise<(string | number[])[]> {
  const given = [];
  for (;;) {
    const next = await reader.next();
    given.push(seqs(next));
    if (typeof next === 'string') return given;
  }
}

/** Everything that waits for the next turn of the event loop is done. */
const turn = () => vi.advanceTimersByTimeAsync(0);

/** A reader that has everything, and takes what comes. */
async function level(): Promise<Live> {
  const live = new Live();
  await read({ member: live }).open(all);
  await rest();
  return live;
}

describe('from its resume point', () => {
  test('a first load is given so much of the past, a page at a time', async () => {
    await append(...upTo(7));
    const opening = await read({ historyEntries: 5 }).open(all);
    expect(opening).toMatchObject({ head: { seq: 7 }, recovered: null });
    expect([reader.seq, reader.isBehind]).toEqual([2, true]);
    expect(await rest()).toEqual([[3, 4], [5, 6], [7], 'level']);
    expect([reader.seq, reader.isBehind]).toEqual([7, false]);
  });

  test('a resume is given everything after its place, or nothing', async () => {
    await append(...upTo(3));
    const { epoch } = await log.head();
    expect(await read().open(after(2, epoch))).toMatchObject({ recovered: true });
    expect(await rest()).toEqual([[3], 'level']);
    reader.leave();
    expect(await read().open(after(2, 'another'))).toMatchObject({ recovered: false });
    expect(await rest()).toEqual(['level']);
    expect(reader.seq).toBe(3);
  });

  test('what is announced while the head is being read is not missed', async () => {
    await append(1);
    let answer = () => {};
    const asked = new Promise<void>((resolve) => (answer = resolve));
    const slow = storeWith(store, {
      async head(...args: Parameters<typeof store.head>) {
        const head = await store.head(...args);
        await asked;
        return head;
      },
    });
    const opening = read({ log: logOf(log.meeting, slow, bus) }).open(after(1));
    await turn();
    await append(2);
    answer();
    expect((await opening)?.head.seq).toBe(1);
    expect(await rest()).toEqual([[2], 'level']);
  });
});

describe('level with the log', () => {
  test('what follows is taken at once, whether it is logged or not', async () => {
    const live = await level();
    await append(1, 2);
    log.show(partialEvent(3, 'so far'));
    await turn();
    log.show(partialEvent(3, 'so far and on'));
    await turn();
    expect(live.took).toEqual([true, true]);
    expect([reader.seq, reader.isBehind]).toEqual([2, false]);
  });

  test('what follows a hole is not, and comes with what is missing', async () => {
    const live = await level();
    await append(1);
    await turn();
    await appendUnheard(2);
    await append(3);
    await turn();
    expect(live.took).toEqual([true, false]);
    expect([reader.seq, reader.isBehind]).toEqual([1, true]);
    expect(await rest()).toEqual([[2, 3], 'level']);
    await append(4);
    await turn();
    expect(live.took).toEqual([true, false, true]);
  });

  test('nor is a batch that has a hole in itself, or begins with something known', async () => {
    const live = await level();
    await append(1);
    await appendUnheard(2);
    await append(3);
    await turn();
    await rest();
    const { epoch } = await log.head();
    bus.publish(log.meeting, finalMessage(3, 3, 'mic', epoch));
    await append(4);
    await turn();
    expect(live.took).toEqual([false, false]);
    expect(reader.seq).toBe(3);
  });

  test('a message by itself is passing, next, known or ahead', async () => {
    await append(1);
    await level();
    const { epoch } = await log.head();
    const place = (seq: number) => reader.takeOne(finalMessage(seq, seq, 'mic', epoch));
    expect([place(0), place(1), place(3), place(2), place(3)]).toEqual([
      'passing',
      'known',
      'ahead',
      'next',
      'next',
    ]);
    expect(reader.seq).toBe(3);
  });

  test('an announcement ahead of the log is asked for once', async () => {
    await append(1);
    await level();
    const { epoch } = await log.head();
    bus.publish(log.meeting, finalMessage(9, 9, 'mic', epoch));
    let reads = 0;
    store.weather = () => {
      reads += 1;
      return undefined;
    };
    expect(await reader.next()).toBe('level');
    expect([reads, reader.isBehind]).toEqual([1, true]);
  });

  test('but not if something was announced while it was asked for', async () => {
    await append(1);
    await level();
    const { epoch } = await log.head();
    bus.publish(log.meeting, finalMessage(2, 2, 'mic', epoch));
    store.weather = () => {
      store.weather = () => undefined;
      bus.publish(log.meeting, finalMessage(3, 3, 'mic', epoch));
      void Promise.resolve().then(() => appendUnheard(2));
      return undefined;
    };
    expect(await rest()).toEqual([[2], 'level']);
  });

  test('what nobody could know of is found when nothing has been read yet', async () => {
    await append(1);
    const { epoch } = await log.head();
    await read().open(after(1, epoch));
    await appendUnheard(2);
    expect(await rest()).toEqual([[2], 'level']);
  });
});

describe('over', () => {
  test('when the meeting has another log', async () => {
    const live = await level();
    await append(1);
    await turn();
    await store.forget(log.meeting);
    await append(1, 2);
    await turn();
    expect(live.foreign).toEqual([false, true]);
    expect(await reader.next()).toBe('over');
  });

  test.each(['outside', 'joining', 'reading'])('when the reader leaves while it is %s', async (when) => {
    await append(1);
    read();
    if (when === 'joining') store.condition = 'silent';
    const opening = when === 'outside' ? undefined : reader.open(all);
    if (when === 'reading') await opening;
    await turn();
    reader.leave();
    reader.leave();
    store.condition = 'well';
    if (when !== 'reading') expect(await (opening ?? reader.open(all))).toBeUndefined();
    expect(await reader.next()).toBe('over');
    expect([...rooms.meetings]).toEqual([]);
  });

  test('what is read when the reader leaves is not given', async () => {
    await append(1);
    await read().open(all);
    store.condition = 'silent';
    const next = reader.next();
    await turn();
    reader.leave();
    store.condition = 'well';
    expect(await next).toBe('over');
  });
});

describe('a store that is away', () => {
  const away = vi.fn();
  const patience = { joinMs: 10_000, away };
  beforeEach(() => void away.mockReset());

  test('is asked for the head for so long, and then the room is given back', async () => {
    store.condition = 'away';
    const opening = read({ patience }).open(all);
    opening.catch(() => {});
    await vi.advanceTimersByTimeAsync(8_900);
    expect(rooms.meetings).toEqual([log.meeting]);
    await vi.advanceTimersByTimeAsync(1_100);
    await expect(opening).rejects.toThrow('the store is away');
    expect(rooms.meetings).toEqual([]);
  });

  test('may come back in that time', async () => {
    store.condition = 'away';
    const opening = read({ patience }).open(all);
    await vi.advanceTimersByTimeAsync(3_000);
    store.condition = 'well';
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await opening).toMatchObject({ recovered: null });
  });

  test('is asked for a page as long as it takes, and that is told once', async () => {
    await append(1);
    await read({ patience }).open(all);
    store.condition = 'away';
    const next = reader.next();
    await vi.advanceTimersByTimeAsync(600_000);
    store.condition = 'well';
    await vi.advanceTimersByTimeAsync(1_000);
    expect(seqs(await next)).toEqual([1]);
    expect(away).toHaveBeenCalledTimes(1);
  });

  test('holds nobody who leaves, and leaves no timer behind', async () => {
    await append(1);
    await read({ patience }).open(all);
    const timers = vi.getTimerCount();
    store.condition = 'away';
    const next = reader.next();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(vi.getTimerCount()).toBe(timers + 1);
    reader.leave();
    expect(await next).toBe('over');
    expect(vi.getTimerCount()).toBe(timers);
  });

  test.each([undefined, patience])(
    'is nothing to a reader that left while it was asked for the head',
    async (patience) => {
      const timers = vi.getTimerCount();
      store.condition = 'silent';
      const opening = read(patience ? { patience } : {}).open(all);
      await turn();
      reader.leave();
      store.condition = 'away';
      await turn();
      expect(vi.getTimerCount()).toBe(timers);
      expect(await opening).toBeUndefined();
    },
  );

  test('is asked once by who has no patience', async () => {
    await append(1);
    await read().open(all);
    store.condition = 'away';
    await expect(reader.next()).rejects.toThrow('the store is away');
    store.condition = 'well';
    expect(await rest()).toEqual([[1], 'level']);
    reader.leave();
    store.condition = 'away';
    await expect(read().open(all)).rejects.toThrow('the store is away');
    expect(rooms.meetings).toEqual([]);
  });
});
