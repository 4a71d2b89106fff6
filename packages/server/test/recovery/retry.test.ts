import { expect, test } from 'vitest';
import { Pace } from '../../src/recovery/pace.ts';
import { retryWaitMs } from '../../src/recovery/retry.ts';

const policy = { minMs: 100, maxMs: 10_000, failuresBeforeProbing: 20, probeMs: 30_000 };
const almostOne = () => 0.999_999;

test('the wait is anything below a ceiling that doubles up to the longest', () => {
  const ceilings = [1, 2, 3, 8, 19].map((failures) => Math.ceil(retryWaitMs(failures, policy, almostOne)));
  expect(ceilings).toEqual([100, 200, 400, 10_000, 10_000]);
  expect(retryWaitMs(8, policy, () => 0)).toBe(0);
});

test('after many failures in a row it is only probed, never in haste', () => {
  expect(retryWaitMs(20, policy, () => 0)).toBe(15_000);
  expect(Math.ceil(retryWaitMs(500, policy, almostOne))).toBe(30_000);
});

test('audio goes at its pace, after a little that may go ahead', () => {
  const pace = new Pace(2);
  expect([pace.take(400, 0), pace.take(400, 0), pace.take(400, 150)]).toEqual([0, 150, 200]);
  expect(pace.take(400, 5_000)).toBe(0);
  const unlimited = new Pace(Number.POSITIVE_INFINITY);
  expect([unlimited.take(1e9, 0), unlimited.take(1e9, 0)]).toEqual([0, 0]);
});
