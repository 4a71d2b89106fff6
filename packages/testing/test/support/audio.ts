/** Audio for the tests of this folder, and what a decoder hears in it. */

import { type HeardWord, type PcmFormat, ToneDecoder } from '../../src/index.ts';
import { mulberry32 } from '../../src/tone-language/random-words.ts';

export const bytesOf = (samples: Int16Array): Uint8Array =>
  new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);

export function joined(...parts: Int16Array[]): Int16Array {
  const whole = new Int16Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const silence = (seconds: number, sampleRate: number): Int16Array =>
  new Int16Array(Math.round(seconds * sampleRate));

export const sine = (hz: number, seconds: number, sampleRate: number): Int16Array =>
  silence(seconds, sampleRate).map((_, at) => 10_000 * Math.sin((2 * Math.PI * hz * at) / sampleRate));

/** White noise of this root mean square, as Gaussian as the sum of four dice. */
export function noise(seconds: number, sampleRate: number, rms: number, seed = 1): Int16Array {
  const random = mulberry32(seed);
  const dice = () => random() + random() + random() + random() - 2;
  return silence(seconds, sampleRate).map(() => Math.round(dice() * rms * Math.sqrt(3)));
}

export function withNoise(speech: Int16Array, decibelsBelow: number, speechRms: number): Int16Array {
  const hiss = noise(speech.length, 1, speechRms * 10 ** (-decibelsBelow / 20));
  return speech.map((sample, at) => sample + (hiss[at] ?? 0));
}

/** Of a burst: three equal sines whose peaks add up to `dbfs`. */
export const burstRms = (dbfs: number): number => (32_767 * 10 ** (dbfs / 20) * Math.sqrt(1.5)) / 3;

export function hear(samples: Int16Array, format: PcmFormat, pieceBytes = 6400): HeardWord[] {
  const decoder = new ToneDecoder(format);
  const bytes = bytesOf(samples);
  const heard: HeardWord[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    heard.push(...decoder.write(bytes.subarray(at, at + pieceBytes)));
  }
  return [...heard, ...decoder.end()];
}

export const saidBy = (heard: readonly HeardWord[]) => heard.map(({ word, speaker }) => ({ word, speaker }));
