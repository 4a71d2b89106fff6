/** Says words in the tone language, as 16-bit PCM. */

import { burstTonesHz, defaultAmplitudeDbfs, toneTiming } from './tones.ts';
import { wordIndex } from './vocabulary.ts';
import { wordsOf } from './words-of.ts';

export interface ToneWord {
  word: string;
  /** 0 to 3; without it the speaker of the options. */
  speaker?: number;
}

export interface SpeakOptions {
  sampleRate: number;
  /** Every channel says the same. Default 1. */
  channels?: number;
  /** Level of the loudest sample. Default -12. */
  amplitudeDbfs?: number;
  /** Silence before the first word. Default 100. */
  leadMs?: number;
  /** Silence after the last word's own gap. Default 300. */
  tailMs?: number;
  /** Who says the words that name no speaker, 0 to 3. Default 0. */
  speaker?: number;
}

/** Attack and decay of a burst, so that it does not click. */
const rampMs = 3;

/** When the word at this place is said, in seconds from the first sample. */
export function wordTimes(place: number, leadMs: number = toneTiming.leadMs): { start: number; end: number } {
  const startMs = leadMs + place * (toneTiming.wordMs + toneTiming.gapMs);
  return { start: startMs / 1000, end: (startMs + toneTiming.wordMs) / 1000 };
}

/** Text or words as interleaved samples. */
export function speak(speech: string | ReadonlyArray<string | ToneWord>, options: SpeakOptions): Int16Array {
  const words = typeof speech === 'string' ? wordsOf(speech) : speech;
  const bytes = Buffer.concat([...speakStream(words, options)]);
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** The same in pieces, one word at a time: little-endian PCM for any length of speech in constant memory. */
export function* speakStream(words: Iterable<string | ToneWord>, options: SpeakOptions): Generator<Buffer> {
  const { sampleRate, channels = 1, leadMs = toneTiming.leadMs, tailMs = toneTiming.tailMs } = options;
  const sampleAt = (ms: number) => Math.round((ms * sampleRate) / 1000);
  let sampled = 0;
  let atMs: number = leadMs;
  if (leadMs > 0) yield Buffer.alloc(sampleAt(leadMs) * channels * 2);
  sampled += sampleAt(leadMs);
  for (const said of words) {
    const { word, speaker = options.speaker ?? 0 } = typeof said === 'string' ? { word: said } : said;
    const nextMs = atMs + toneTiming.wordMs + toneTiming.gapMs;
    const piece = Buffer.alloc((sampleAt(nextMs) - sampled) * channels * 2);
    sayInto(piece, word, speaker, sampleAt(atMs + toneTiming.wordMs) - sampled, options);
    yield piece;
    sampled = sampleAt(nextMs);
    atMs = nextMs;
  }
  if (tailMs > 0) yield Buffer.alloc((sampleAt(atMs + tailMs) - sampled) * channels * 2);
}

function sayInto(pcm: Buffer, word: string, speaker: number, samples: number, options: SpeakOptions): void {
  const { sampleRate, channels = 1, amplitudeDbfs = defaultAmplitudeDbfs } = options;
  const index = wordIndex.get(word);
  if (index === undefined) throw new TypeError(`not in the tone vocabulary: "${word}"`);
  const tones = burstTonesHz(index, speaker).map((hz) => (2 * Math.PI * hz) / sampleRate);
  const level = (32_767 * 10 ** (amplitudeDbfs / 20)) / tones.length;
  const ramp = (rampMs * sampleRate) / 1000;
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0;
    for (const step of tones) sum += Math.sin(step * sample);
    const fade = Math.min(1, (sample + 0.5) / ramp, (samples - sample - 0.5) / ramp);
    const value = Math.round(level * fade * sum);
    for (let channel = 0; channel < channels; channel++) {
      pcm.writeInt16LE(value, (sample * channels + channel) * 2);
    }
  }
}

/** Puts one channel beside another, as multichannel PCM wants them; a shorter one is followed by silence. */
export function interleave(channels: readonly Int16Array[]): Int16Array {
  const length = Math.max(0, ...channels.map((channel) => channel.length));
  const mixed = new Int16Array(length * channels.length);
  for (const [place, channel] of channels.entries()) {
    for (const [sample, value] of channel.entries()) mixed[sample * channels.length + place] = value;
  }
  return mixed;
}
