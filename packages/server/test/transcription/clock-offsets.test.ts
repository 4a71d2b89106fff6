import { expect, test } from 'vitest';
import { endIn, offsetsFrom, startIn, streamMsAt } from '../../src/transcription/clock-offsets.ts';

/** From 60 s on the meeting's clock; 2 s went past after the first 5 s, another one after 8 s. */
const offsets = [
  { streamMs: 0, offsetMs: 60_000 },
  { streamMs: 5_000, offsetMs: 62_000 },
  { streamMs: 8_000, offsetMs: 63_000 },
];

test('what is left of a stream stands where it stood', () => {
  for (const fromMs of [0, 1_000, 5_000, 6_500, 8_000, 12_000]) {
    const rest = offsetsFrom(offsets, fromMs);
    expect(rest[0]?.streamMs).toBe(0);
    for (const ms of [fromMs + 1, 4_999, 5_001, 7_999, 8_001, 20_000].filter((each) => each > fromMs)) {
      expect(startIn(rest, ms - fromMs)).toBe(startIn(offsets, ms));
      expect(endIn(rest, ms - fromMs)).toBe(endIn(offsets, ms));
    }
  }
});

test('a meeting’s time is a place in the audio; what went past is where it was left out', () => {
  expect([0, 60_000, 61_500, 65_000].map((ms) => streamMsAt(offsets, ms))).toEqual([0, 0, 1_500, 5_000]);
  expect([66_000, 67_000, 68_000].map((ms) => streamMsAt(offsets, ms))).toEqual([5_000, 5_000, 6_000]);
  expect([70_500, 71_000, 80_000].map((ms) => streamMsAt(offsets, ms))).toEqual([8_000, 8_000, 17_000]);
  for (const ms of [100, 4_000, 6_000, 9_000]) expect(streamMsAt(offsets, startIn(offsets, ms))).toBe(ms);
});
