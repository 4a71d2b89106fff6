/** Bytes, samples and milliseconds of PCM. Pure. */
import type { AudioFormat } from './recognizer.ts';

const bytesPerSample = 2;

/** Bytes of one sample of every channel. */
const frameBytes = (format: AudioFormat): number => bytesPerSample * format.channels;

export const msOf = (bytes: number, format: AudioFormat): number =>
  (bytes / frameBytes(format) / format.sampleRate) * 1000;

/** The whole samples that begin before `ms`. */
export const bytesOf = (ms: number, format: AudioFormat): number =>
  Math.floor((ms * format.sampleRate) / 1000) * frameBytes(format);
