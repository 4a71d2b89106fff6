/** Whether audio is as loud as speech. Pure: a level and no more, so music and a loud room count as well. */
import type { AudioFormat } from '../recognizer/recognizer.ts';

/** Root mean square past which somebody may be speaking, in decibels below full scale. */
const speechDbfs = -45;
/** Below this there is hum and rumble, and little of a voice that is not also above. */
const cutoffHz = 200;

const threshold = (32_768 * 10 ** (speechDbfs / 20)) ** 2;

/** Of a piece of 20 ms or more: which channels of it are at the level of speech once their hum is taken away. */
export function speechLevels(pcm: Uint8Array, { sampleRate, channels }: AudioFormat): boolean[] {
  const samples = new DataView(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  const frames = Math.floor(pcm.length / (2 * channels));
  return Array.from({ length: channels }, (_, channel) => {
    const at = (frame: number) => samples.getInt16((frame * channels + channel) * 2, true);
    return frames > 0 && powerAbove(at, frames, sampleRate) > threshold;
  });
}

/** Mean square behind two high-pass filters in a row. */
function powerAbove(at: (frame: number) => number, frames: number, sampleRate: number): number {
  const keep = 1 / (1 + (2 * Math.PI * cutoffHz) / sampleRate);
  let [input, once, twice, sum] = [at(0), 0, 0, 0];
  for (let frame = 1; frame < frames; frame += 1) {
    const next = at(frame);
    const filtered = keep * (once + next - input);
    twice = keep * (twice + filtered - once);
    once = filtered;
    input = next;
    sum += twice * twice;
  }
  return sum / frames;
}
