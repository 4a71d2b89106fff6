/** The waits before coming back. */
import { expect, test } from 'vitest';
import { backoffMs, defaultBackoff, retryWaitMs } from '../src/backoff.ts';

const longest = () => 1;
const shortest = () => 0;

test('the wait doubles per attempt up to ten seconds', () => {
  const waits = [1, 2, 3, 4, 5, 60].map((attempt) => backoffMs(attempt, defaultBackoff, longest));
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

test('the wait is never below half its ceiling', () => {
  const waits = [1, 2, 5].map((attempt) => backoffMs(attempt, defaultBackoff, shortest));
  expect(waits).toEqual([500, 1_000, 5_000]);
});

test('"later" starts from the longest wait', () => {
  expect(retryWaitMs('later', 1, defaultBackoff, longest)).toBe(10_000);
  expect(retryWaitMs('later', 1, defaultBackoff, shortest)).toBe(5_000);
});

test('another token is tried at once, and with backoff when that failed too', () => {
  for (const retry of ['fresh-token', 'new-token'] as const) {
    const waits = [1, 2, 3].map((failures) => retryWaitMs(retry, failures, defaultBackoff, longest));
    expect(waits).toEqual([0, 1_000, 2_000]);
  }
});
