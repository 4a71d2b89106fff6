import { backoffMs } from '@meetcast/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { StaleFenceError } from '../../src/lib/errors.ts';
import type { MeetingRef } from '../../src/lib/meeting.ts';
import { storeBackoff } from '../../src/log/outbox.ts';
import { outboxWith } from '../support/log.ts';

const slowMs = 1_000;
const meeting = { tenant: 'acme', id: 'm' };
const other = { tenant: 'acme', id: 'n' };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Something to write to that can be away, and waited for. */
class Target {
  isAway = false;
  readonly written: string[] = [];
  readonly retried: string[] = [];
  tries = 0;
  #held: (() => void)[] = [];
  #isHeld = false;

  write = (what: string) => async (isRetry: boolean) => {
    this.tries += 1;
    if (isRetry) this.retried.push(what);
    if (this.#isHeld) await new Promise<void>((resolve) => this.#held.push(resolve));
    if (this.isAway) throw new Error('away');
    this.written.push(what);
    return what;
  };

  hold(): void {
    this.#isHeld = true;
  }

  letGo(): void {
    this.#isHeld = false;
    for (const resolve of this.#held.splice(0)) resolve();
  }
}

function watched(changes: Parameters<typeof outboxWith>[0] = {}) {
  const said: string[] = [];
  const outbox = outboxWith({
    slowMs,
    onChange: ({ id }: MeetingRef, state) => said.push(`${id} ${state}`),
    onFailure: ({ id }: MeetingRef, error) => said.push(`${id} ${(error as Error).message}`),
    ...changes,
  });
  return { outbox, said, target: new Target() };
}

const after = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test('a meeting’s writes succeed one after the other, and no other meeting waits for them', async () => {
  const { outbox, target } = watched();
  target.hold();
  const writes = ['a', 'b', 'c'].map((what) => outbox.write(meeting, target.write(what), { bytes: 1 }));
  await after(0);
  expect(target.tries).toBe(1);
  const elsewhere = new Target();
  await outbox.write(other, elsewhere.write('x'), { bytes: 1 });
  expect(elsewhere.written).toEqual(['x']);
  target.letGo();
  expect(await Promise.all(writes)).toEqual(['a', 'b', 'c']);
  expect(target.written).toEqual(['a', 'b', 'c']);
});

test('what fails is tried again until it succeeds, before what follows; a retry knows that it is one', async () => {
  const { outbox, target, said } = watched();
  target.isAway = true;
  const writes = ['a', 'b'].map((what) => outbox.write(meeting, target.write(what), { bytes: 1 }));
  await after(20_000);
  expect(target.tries).toBeGreaterThan(15);
  target.isAway = false;
  await after(1_000);
  expect(await Promise.all(writes)).toEqual(['a', 'b']);
  expect(new Set(target.retried)).toEqual(new Set(['a']));
  expect(said).toEqual(['m away', 'm degraded', 'm recovered']);
});

test('whoever waits hears of the delay once, who comes later at once; recovered is said when nothing waits', async () => {
  const { outbox, target, said } = watched();
  const delayed: string[] = [];
  const write = (what: string) =>
    outbox.write(meeting, target.write(what), { bytes: 1, onDelay: () => delayed.push(what) });
  target.isAway = true;
  const [a, b] = [write('a'), write('b')];
  await after(0);
  expect(delayed).toEqual(['a', 'b']);
  const c = write('c');
  expect(delayed).toEqual(['a', 'b', 'c']);
  target.isAway = false;
  target.hold();
  await after(1_000);
  expect(said).toEqual(['m away', 'm degraded']);
  target.letGo();
  await Promise.all([a, b, c]);
  await after(0);
  expect(said).toEqual(['m away', 'm degraded', 'm recovered']);
  expect(delayed).toEqual(['a', 'b', 'c']);
  await write('d');
  expect(delayed).toHaveLength(3);
});

test('a write that takes too long is a delay though nothing failed; waiting for others counts', async () => {
  const { outbox, target, said } = watched();
  const delayed: string[] = [];
  target.hold();
  const write = (what: string) =>
    outbox.write(meeting, target.write(what), { bytes: 1, onDelay: () => delayed.push(what) });
  const first = write('a');
  await after(slowMs - 1);
  expect(said).toEqual([]);
  await after(1);
  expect(said).toEqual(['m degraded']);
  target.letGo();
  await first;
  await after(0);
  expect(said).toEqual(['m degraded', 'm recovered']);

  target.hold();
  const slow = ['b', 'c'].map(write);
  await after(0.7 * slowMs);
  target.letGo();
  target.hold();
  await after(0.4 * slowMs);
  expect(delayed).toEqual(['a', 'c']);
  target.letGo();
  await Promise.all(slow);
});

test('a refusal is an answer: it rejects alone, and nothing is degraded', async () => {
  const { outbox, target, said } = watched();
  const refused = outbox.write(meeting, () => Promise.reject(new StaleFenceError('replaced', 2)), {
    bytes: 1,
  });
  const next = outbox.write(meeting, target.write('a'), { bytes: 1 });
  await expect(refused).rejects.toThrow('replaced');
  expect(await next).toBe('a');
  expect(said).toEqual([]);
});

test('past its bytes it says to wait, until enough is written', async () => {
  const { outbox, target } = watched({ maxBytes: 10_000 });
  target.hold();
  const first = outbox.write(meeting, target.write('a'), { bytes: 6_000 });
  expect(outbox.room).toBeUndefined();
  const second = outbox.write(other, target.write('b'), { bytes: 6_000 });
  let isThere = false;
  void outbox.room?.then(() => {
    isThere = true;
  });
  await after(0);
  expect(isThere).toBe(false);
  target.letGo();
  await Promise.all([first, second]);
  await after(0);
  expect(isThere).toBe(true);
  expect(outbox.room).toBeUndefined();
});

test('many small writes count too: each takes a place', () => {
  const { outbox, target } = watched({ maxBytes: 10_000 });
  target.hold();
  for (let count = 0; count < 100; count += 1) void outbox.write(meeting, target.write('a'));
  expect(outbox.room).toBeInstanceOf(Promise);
});

test('closing gives up what waits, a try that hangs as well, says how much, and lets everyone go', async () => {
  const { outbox, target, said } = watched({ maxBytes: 1 });
  target.hold();
  const given = ['a', 'b'].map((what) => outbox.write(meeting, target.write(what), { bytes: 1 }));
  const idle = outbox.idle();
  const { room } = outbox;
  await after(0);
  outbox.close();
  for (const write of given) await expect(write).rejects.toThrow('shut down');
  await Promise.all([idle, room]);
  expect(said).toEqual(['m 2 writes were lost: the hub shut down before everything could be stored.']);
  await expect(outbox.write(meeting, target.write('late'), { bytes: 1 })).rejects.toThrow('shut down');
  target.letGo();
  await after(10_000);
  expect(target.tries).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('closing in the wait between two tries ends it', async () => {
  const { outbox, target } = watched();
  target.isAway = true;
  const write = outbox.write(meeting, target.write('a'), { bytes: 1 });
  write.catch(() => {});
  await after(5_000);
  const { tries } = target;
  outbox.close();
  await expect(write).rejects.toThrow('shut down');
  await after(60_000);
  expect(target.tries).toBe(tries);
});

test('idle waits for every meeting, and not at all when nothing waits', async () => {
  const { outbox, target } = watched();
  await outbox.idle();
  target.hold();
  void outbox.write(meeting, target.write('a'), { bytes: 1 });
  void outbox.write(other, target.write('b'), { bytes: 1 });
  let isIdle = false;
  void outbox.idle().then(() => {
    isIdle = true;
  });
  await after(100);
  expect(isIdle).toBe(false);
  target.letGo();
  await after(0);
  expect(isIdle).toBe(true);
});

test('the wait between two tries doubles, with jitter, up to a second', () => {
  expect(
    [1, 2, 3, 4, 5, 50].map((failures) => backoffMs(failures, storeBackoff, { random: () => 1 })),
  ).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  expect(backoffMs(50, storeBackoff, { random: () => 0 })).toBe(500);
});
