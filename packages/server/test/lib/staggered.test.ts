import { afterEach, expect, test, vi } from 'vitest';
import { staggered } from '../../src/lib/staggered.ts';
import { seeded } from '../support/random.ts';

afterEach(() => void vi.useRealTimers());

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

test('everybody is called once, in an order that chance decides', async () => {
  const orders = await Promise.all(
    [1, 2].map(async (seed) => {
      const called: number[] = [];
      await staggered(upTo(50), 20, (item) => called.push(item), seeded(seed));
      return called;
    }),
  );
  for (const order of orders) {
    expect(order.toSorted((a, b) => a - b)).toEqual(upTo(50));
    expect(order).not.toEqual(upTo(50));
  }
  expect(orders[0]).not.toEqual(orders[1]);
});

test('one after the other, over the whole time, and not later', async () => {
  vi.useFakeTimers();
  const from = performance.now();
  const at: number[] = [];
  const taken = staggered(upTo(20), 400, () => at.push(performance.now() - from));
  await vi.advanceTimersByTimeAsync(400);
  await taken;
  expect(at).toEqual(upTo(20).map((turn) => (turn - 1) * 20));
});

test('as many as there are: timers are coarse, and the time is kept', async () => {
  vi.useFakeTimers();
  let called = 0;
  const taken = staggered(upTo(100_000), 100, () => {
    called += 1;
  });
  await vi.advanceTimersByTimeAsync(99);
  expect(called).toBeGreaterThan(98_000);
  await vi.advanceTimersByTimeAsync(1);
  await taken;
  expect(called).toBe(100_000);
});

test('one, or none, does not wait', async () => {
  const called: number[] = [];
  await staggered([1], 60_000, (item) => called.push(item));
  await staggered([], 60_000, () => {});
  expect(called).toEqual([1]);
});
