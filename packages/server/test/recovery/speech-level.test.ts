import { interleave, speak } from '@meetcast/testing';
import { expect, test } from 'vitest';
import { noise, silence, sine } from '../../../testing/test/support/audio.ts';
import { speechLevels } from '../../src/recovery/speech-level.ts';
import { bytesOf } from '../recognizer/told.ts';

const sampleRates = [8_000, 16_000, 48_000];
const level = (samples: Int16Array, sampleRate: number, channels = 1) =>
  speechLevels(bytesOf(samples), { sampleRate, channels }).includes(true);

test.each(sampleRates)('words at an ordinary level are speech, at %i Hz', (sampleRate) => {
  for (const amplitudeDbfs of [-6, -12, -30]) {
    const word = speak('budget', { sampleRate, amplitudeDbfs, leadMs: 0, tailMs: 0 });
    for (const ms of [20, 100])
      expect(level(word.subarray(0, (sampleRate * ms) / 1000), sampleRate)).toBe(true);
  }
});

test.each(sampleRates)('silence, a quiet room, mains hum and an offset are not, at %i Hz', (sampleRate) => {
  const hum = (hz: number) => sine(hz, 0.1, sampleRate).map((value) => value / 10); // -33 dBFS
  const quiet = [silence(0.1, sampleRate), noise(0.1, sampleRate, 30), hum(50), hum(60)];
  const offset = silence(0.1, sampleRate).fill(8_000);
  for (const samples of [...quiet, offset, new Int16Array(0)]) expect(level(samples, sampleRate)).toBe(false);
});

test('one channel that speaks is enough', () => {
  const word = speak('budget', { sampleRate: 16_000 });
  const two = [new Int16Array(word.length), word];
  const format = { sampleRate: 16_000, channels: 2 };
  expect(speechLevels(bytesOf(interleave(two)), format)).toEqual([false, true]);
  expect(level(interleave(two), 16_000, 2)).toBe(true);
  expect(level(interleave(two.map((one) => one.map(() => 0))), 16_000, 2)).toBe(false);
});

test('a piece that begins or ends within a sample is looked at as far as it goes', () => {
  const audio = bytesOf(speak('budget', { sampleRate: 16_000, leadMs: 0 }));
  expect(speechLevels(audio.subarray(0, 3_201), { sampleRate: 16_000, channels: 1 })).toEqual([true]);
  expect(speechLevels(audio.subarray(0, 1), { sampleRate: 16_000, channels: 1 })).toEqual([false]);
});
