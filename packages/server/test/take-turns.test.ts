import { expect, test } from 'vitest';
import { takeTurns } from '../src/take-turns.ts';
import { seeded } from './support/random.ts';

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

test('[TURN1] everybody is called once, in an order that chance decides', async () => {
  const orders = await Promise.all(
    [1, 2].map(async (seed) => {
      const called: number[] = [];
      await takeTurns(upTo(50), 20, (item) => called.push(item), seeded(seed));
      return called;
    }),
  );
  for (const order of orders) {
    expect(order.toSorted((a, b) => a - b)).toEqual(upTo(50));
    expect(order).not.toEqual(upTo(50));
  }
  expect(orders[0]).not.toEqual(orders[1]);
});

test('[TURN2] one after the other, over the whole time, and not later', async () => {
  const from = performance.now();
  const at: number[] = [];
  await takeTurns(upTo(20), 400, () => at.push(performance.now() - from));
  expect(at[0]).toBeLessThan(200);
  expect(at.at(-1)).toBeGreaterThanOrEqual(360);
  expect(new Set(at.map((ms) => Math.floor(ms / 100))).size).toBeGreaterThanOrEqual(4);
});

test('[TURN3] as many as there are: timers are coarse, and the time is kept', async () => {
  const from = performance.now();
  let called = 0;
  await takeTurns(upTo(100_000), 100, () => {
    called += 1;
  });
  expect(called).toBe(100_000);
  expect(performance.now() - from).toBeLessThan(5_000);
});

test('[TURN4] one, or none, does not wait', async () => {
  const called: number[] = [];
  await takeTurns([1], 60_000, (item) => called.push(item));
  await takeTurns([], 60_000, () => {});
  expect(called).toEqual([1]);
});
