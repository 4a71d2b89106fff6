import { expect, test } from 'vitest';
import { SlidingWindow, TokenBucket } from '../../src/lib/rate-limit.ts';

test('a burst is free, what follows waits until its debt is paid', () => {
  const bucket = new TokenBucket(10, 3, 0);
  expect([bucket.take(0), bucket.take(0), bucket.take(0)]).toEqual([0, 0, 0]);
  expect(bucket.take(0)).toBeCloseTo(100);
  expect(bucket.take(0)).toBeCloseTo(200);
});

test('time pays debts back, and saves up no more than the burst', () => {
  const bucket = new TokenBucket(10, 2, 0);
  for (let turn = 0; turn < 4; turn += 1) bucket.take(0);
  expect(bucket.take(300)).toBe(0);
  expect(bucket.take(300)).toBeCloseTo(100);
  expect([bucket.take(60_000), bucket.take(60_000)]).toEqual([0, 0]);
  expect(bucket.take(60_000)).toBeGreaterThan(0);
});

test('over a minute a bucket lets its rate through, and its burst once', () => {
  const bucket = new TokenBucket(50, 50, 0);
  let allowed = 0;
  for (let now = 0; now < 60_000; ) {
    allowed += 1;
    now += bucket.take(now);
  }
  expect(allowed).toBeGreaterThanOrEqual(50 * 60);
  expect(allowed).toBeLessThanOrEqual(50 * 61 + 1);
});

test('a clock that is set back costs nobody anything', () => {
  const bucket = new TokenBucket(10, 5, 3_600_000);
  bucket.take(3_600_000);
  expect(bucket.take(0)).toBe(0);
  expect(bucket.take(100)).toBe(0);
  const connects = new SlidingWindow(2, 10_000);
  for (let turn = 0; turn < 2; turn += 1) connects.allow('a', 3_600_000);
  expect(connects.allow('a', 0)).toBe(true);
});

test('[LINK3] five in ten seconds are allowed, the sixth is not, and the window slides', () => {
  const connects = new SlidingWindow(5, 10_000);
  const allowed = [0, 1_000, 2_000, 3_000, 4_000, 5_000].map((now) => connects.allow('a', now));
  expect(allowed).toEqual([true, true, true, true, true, false]);
  expect(connects.allow('a', 9_999)).toBe(false);
  expect(connects.allow('a', 10_000)).toBe(true);
  expect(connects.allow('a', 10_001)).toBe(false);
  expect(connects.allow('a', 11_000)).toBe(true);
});

test('a refused attempt is not counted, and keys are apart', () => {
  const connects = new SlidingWindow(1, 1_000);
  expect(connects.allow('a', 0)).toBe(true);
  for (let now = 1; now < 1_000; now += 100) expect(connects.allow('a', now)).toBe(false);
  expect(connects.allow('b', 500)).toBe(true);
  expect(connects.allow('a', 1_000)).toBe(true);
});

test('keys without a recent event are forgotten', () => {
  const connects = new SlidingWindow(5, 10_000);
  for (let key = 0; key < 1_000; key += 1) connects.allow(`address ${key}`, 20_000);
  expect(connects.size).toBe(1_000);
  connects.allow('late', 31_000);
  expect(connects.size).toBe(1);
});
