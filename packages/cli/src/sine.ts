/** A plain tone as PCM, for listening to and for measuring levels. */
import type { PcmFormat } from './wav-writer.ts';

/** Half of full scale: -6 dBFS. */
const amplitude = 16_384;
const pieceSeconds = 0.1;

/** 16-bit little-endian, the same in every channel, in pieces of a tenth of a second. */
export function* sine(
  { sampleRate, channels }: PcmFormat,
  frequency: number,
  durationSeconds: number,
): Generator<Buffer> {
  const samples = Math.round(durationSeconds * sampleRate);
  const longest = Math.ceil(pieceSeconds * sampleRate);
  const step = (2 * Math.PI * frequency) / sampleRate;
  for (let from = 0; from < samples; from += longest) {
    const piece = new Int16Array(Math.min(longest, samples - from) * channels);
    for (let place = 0; place < piece.length; place++)
      piece[place] = Math.round(amplitude * Math.sin(step * (from + Math.floor(place / channels))));
    yield Buffer.from(piece.buffer);
  }
}
