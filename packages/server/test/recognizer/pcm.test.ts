import { expect, test } from 'vitest';
import { bytesOf, isWhole, msOf } from '../../src/recognizer/pcm.ts';

const mono = { sampleRate: 16_000, channels: 1 };
const second = 32_000;

test('audio is counted in samples of every channel', () => {
  expect(msOf(second, mono)).toBe(1_000);
  expect(msOf(192_000, { sampleRate: 48_000, channels: 2 })).toBe(1_000);
  expect(msOf(88_200, { sampleRate: 44_100, channels: 1 })).toBe(1_000);
});

test('whole milliseconds of samples are just that, there and back', () => {
  for (const format of [mono, { sampleRate: 8_000, channels: 3 }, { sampleRate: 48_000, channels: 2 }]) {
    const perMs = (format.sampleRate / 1000) * 2 * format.channels;
    for (let ms = 0; ms < 60_000; ms += 1) {
      if (msOf(ms * perMs, format) !== ms || bytesOf(ms, format) !== ms * perMs) expect.fail(`${ms} ms`);
    }
  }
});

test('[ING7] only bytes of whole samples of all channels are whole', () => {
  expect([0, 2, 4].map((bytes) => isWhole(bytes, mono))).toEqual([true, true, true]);
  expect(isWhole(3, mono)).toBe(false);
  expect(isWhole(6, { ...mono, channels: 2 })).toBe(false);
  expect(isWhole(12, { ...mono, channels: 3 })).toBe(true);
});
