/** The sender's audio, by frames. */
import { expect, test } from 'vitest';
import { AudioBuffer, bytesOf } from '../src/audio-buffer.ts';
import { counted, counting } from './support/hub.ts';

function filled(...sizes: number[]): AudioBuffer {
  const buffer = new AudioBuffer({ sampleRate: 8_000, channels: 1 });
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const audio = counting(0, Math.ceil(total / 2));
  let at = 0;
  for (const size of sizes) {
    buffer.append(audio.slice(at, at + size));
    at += size;
  }
  return buffer;
}

test('an unfinished frame waits for its other byte', () => {
  const buffer = filled(3);
  expect(buffer.end).toBe(1);
  buffer.append(new Uint8Array([0]));
  expect(counted(buffer.read(0, 10))).toEqual({ from: 0, frames: 2 });
});

test('any stretch is read across any pieces', () => {
  const buffer = filled(1, 1, 5, 0, 30, 3, 100);
  for (let from = 0; from < buffer.end; from++)
    for (const frames of [1, 2, 7, 1_000])
      expect(counted(buffer.read(from, frames))).toEqual({
        from,
        frames: Math.min(frames, buffer.end - from),
      });
});

test('what was forgotten frees its pieces, the rest stays where it is', () => {
  const buffer = filled(7, 7, 7, 7);
  buffer.forget(5);
  expect([buffer.start, buffer.end, buffer.keptMs]).toEqual([5, 14, 9 / 8]);
  expect(counted(buffer.read(5, 100))).toEqual({ from: 5, frames: 9 });
  buffer.forget(3);
  expect(buffer.start).toBe(5);
  buffer.forget(99);
  expect([buffer.start, buffer.keptMs]).toEqual([14, 0]);
  buffer.append(counting(14, 2));
  expect(counted(buffer.read(14, 2))).toEqual({ from: 14, frames: 2 });
});

test('a frame of several channels is one', () => {
  const buffer = new AudioBuffer({ sampleRate: 1_000, channels: 2 });
  buffer.append(new Uint8Array(11));
  expect([buffer.end, buffer.read(0, 9).length]).toEqual([2, 8]);
});

test('samples are taken as they lie in memory, a part of it too', () => {
  const samples = new Int16Array([1, 2, 3]);
  expect([...bytesOf(samples.subarray(1, 2))]).toEqual([2, 0]);
  expect([...bytesOf(samples.buffer)]).toEqual([1, 0, 2, 0, 3, 0]);
  expect([...bytesOf(Buffer.from([9]))]).toEqual([9]);
  // What another thread may still write to is copied.
  const shared = new Uint8Array(new SharedArrayBuffer(1));
  const owned = bytesOf(shared);
  shared[0] = 7;
  expect([...owned]).toEqual([0]);
  expect(() => bytesOf([1] as never)).toThrow(/pcm must be .* got Array/);
});
