/** What is known of audio that nobody has heard. */
import { expect, test } from 'vitest';
import { fromMs, type Leftover, saidUpTo, toMs } from '../../src/late-hearing/leftover.ts';

const leftover: Leftover = {
  meeting: { tenant: 'acme', id: 'm' },
  source: 'mic',
  epoch: 'e',
  keptAtMs: 0,
  format: { sampleRate: 16_000, channels: 1 },
  bytes: 32_000 * 10,
  offsets: [{ streamMs: 0, offsetMs: 500.6 }],
  cause: 'recognizer_unavailable',
  fence: 1,
  canResume: true,
  claim: 'none',
  saidMs: [3_000, 2_000],
};

test('[ING12] it begins where the first of its channels has a word to come, and ends where nobody covered sends it', () => {
  expect([fromMs(leftover), toMs(leftover)]).toEqual([2_501, 10_500]);
  expect(fromMs({ ...leftover, offsets: [{ streamMs: 0, offsetMs: 500.4 }] })).toBe(2_500);
});

test('[ING12] words that somebody else has said are said, and none is unsaid by it', () => {
  const whole = { ...leftover, offsets: [{ streamMs: 0, offsetMs: 500 }] };
  expect(saidUpTo(whole, [4_500, 1_500])).toEqual([4_000, 2_000]);
  expect(saidUpTo(whole, [4_500])).toEqual([4_000, 2_000]);
});
