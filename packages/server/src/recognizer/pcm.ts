/** Bytes, samples and milliseconds of PCM. Pure. */
import type { AudioFormat } from './recognizer.ts';

const bytesPerSample = 2;

export const msOf = (bytes: number, { sampleRate, channels }: AudioFormat): number =>
  (bytes * 1000) / (bytesPerSample * channels * sampleRate);

/** The whole samples that begin before `ms`. */
export const bytesOf = (ms: number, { sampleRate, channels }: AudioFormat): number =>
  Math.floor((ms * sampleRate) / 1000) * bytesPerSample * channels;

/** Whether bytes are whole samples of every channel. */
export const isWhole = (bytes: number, { channels }: AudioFormat): boolean =>
  bytes % (bytesPerSample * channels) === 0;
