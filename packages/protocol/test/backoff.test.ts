/** The waits before the next try. */
import { expect, test } from 'vitest';
import { backoffMs } from '../src/backoff.ts';

const backoff = { minMs: 1_000, maxMs: 10_000 };
const longest = () => 1;
const shortest = () => 0;

test('the wait doubles per attempt up to ten seconds', () => {
  const waits = [1, 2, 3, 4, 5, 60].map((attempt) => backoffMs(attempt, backoff, { random: longest }));
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

test('the wait is never below half its ceiling', () => {
  const waits = [1, 2, 5].map((attempt) => backoffMs(attempt, backoff, { random: shortest }));
  expect(waits).toEqual([500, 1_000, 5_000]);
});

test('the longest wait comes however many failures there were', () => {
  const waits = [5_000, Number.POSITIVE_INFINITY].map((failures) =>
    backoffMs(failures, backoff, { random: longest }),
  );
  expect(waits).toEqual([10_000, 10_000]);
});

test('of a wait as much is left to chance as is asked for', () => {
  const least = [0, 0.5, 2 / 3, 1].map((jitter) => backoffMs(2, backoff, { jitter, random: shortest }));
  expect(least).toEqual([2_000, 1_000, 667, 0]);
});
