/** The waits before coming back. */
import { expect, test } from 'vitest';
import { defaultBackoff, retryWaitMs } from '../src/backoff.ts';

const longest = () => 1;
const shortest = () => 0;

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
