/** Whether audio is as loud as speech. Pure: a level and no more, so music and a loud room count as well. */
import type { AudioFormat } from '../recognizer/recognizer.ts';

/** Root mean square past which somebody may be speaking, in decibels below full scale. */
const speechDbfs = -45;
/** Below this there is hum and rumble, and little of a voice that is not also above. */
const cutoffHz = 200;

const threshold = (32_768 * 10 ** (speechDbfs / 20)) ** 2;

/** Of a piece of 20 ms or more: which channels of it are at the level of speech once their hum is taken away. */
export function speechLevels(pcm: Uint8Array, format: AudioFormat): boolean[] {
  const samples = new DataView(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  return Array.from(
    { length: format.channels },
    (_, channel) => powerOf(samples, channel, format) > threshold,
  );
}

/** Mean square of one channel behind two high-pass filters in a row; 0 where there are no samples. */
function powerOf(samples: DataView, channel: number, { sampleRate, channels }: AudioFormat): number {
  const frames = Math.floor(samples.byteLength / (2 * channels));
  if (frames === 0) return 0;
  const keep = 1 / (1 + (2 * Math.PI * cutoffHz) / sampleRate);
  let [input, once, twice, sum] = [samples.getInt16(2 * channel, true), 0, 0, 0];
  for (let frame = 1; frame < frames; frame += 1) {
    const next = samples.getInt16(2 * (frame * channels + channel), true);
    const filtered = keep * (once + next - input);
    twice = keep * (twice + filtered - once);
    once = filtered;
    input = next;
    sum += twice * twice;
  }
  return sum / frames;
}
