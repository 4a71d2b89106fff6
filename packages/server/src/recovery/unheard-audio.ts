/** What a ring still has of audio that nobody heard, in the hands of whoever took it. */

import { bytesOf, msOf } from '../recognizer/pcm.ts';
import type { AudioFormat, UnheardAudio } from '../recognizer/recognizer.ts';
import type { AudioRing } from './audio-ring.ts';

/** Read at a time. */
const pieceMs = 1_000;

/** Nothing is written to the ring any more, and it is the audio's from now on. `from`: the first byte nobody heard. */
export function unheardIn(ring: AudioRing, from: number, format: AudioFormat): UnheardAudio {
  const { end } = ring;
  const pieceBytes = bytesOf(pieceMs, format);
  return {
    startMs: msOf(from, format),
    endMs: msOf(end, format),
    bytes: end - from,
    async *read(skip) {
      for (let at = from + skip; at < end; ) {
        const piece = await ring.read(at, Math.min(pieceBytes, end - at));
        yield piece;
        at += piece.length;
      }
    },
    discard: () => ring.close(),
  };
}
