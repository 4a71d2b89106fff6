/** What is said, by whom, and where it hurts, by a seed: the same seed says the same words. */
import { createHash } from 'node:crypto';
import type { Source } from '@meetcast/protocol';
import { randomWords } from '../tone-language/random-words.ts';
import { speakStream } from '../tone-language/speak.ts';

/** Who speaks in each meeting. */
export interface Shape {
  readonly sources: readonly Source[];
  /** Of each source; all of them say the same. */
  readonly channels: number;
}

/** Of 16-bit samples. */
export interface Format {
  readonly sampleRate: number;
  readonly channels: number;
}

export interface Phrase {
  readonly words: readonly string[];
  readonly pcm: Buffer;
}

export const formatOf = ({ channels }: Shape): Format => ({ sampleRate: 16_000, channels });

export const bytesPerSecond = ({ sampleRate, channels }: Format): number => sampleRate * channels * 2;

/** Below the 50 frames a second that a hub reads, and below the largest frame. */
const piece = { perSecond: 40, leastBytes: 4_096, mostBytes: 32_768 } as const;

export function pieceBytesFor(format: Format, speed: number): number {
  const needed = Math.ceil((bytesPerSecond(format) * speed) / piece.perSecond);
  return Math.min(piece.mostBytes, Math.max(piece.leastBytes, needed));
}

const words = { least: 3, most: 6 } as const;
/** Long enough for a recognizer to hear that the phrase is over. */
const pauseMs = 600;

/** The phrase at this place: 0, 1, 2 … */
export function phraseAt(seed: string, place: number, format: Format): Phrase {
  const name = `${seed}/phrase ${place}`;
  const length = words.least + Math.floor(chance(`${name}/length`) * (words.most - words.least + 1));
  const said = randomWords(length, numberOf(`${name}/words`));
  return { words: said, pcm: Buffer.concat([...speakStream(said, { ...format, tailMs: pauseMs })]) };
}

/** Each source has something of its own to say. */
export const seedOf = (seed: string, source: Source): string =>
  source === 'mic' ? seed : `${seed}/${source}`;

/** A number from 0 up to 1 that depends on the name alone. */
export const chance = (name: string): number => numberOf(name) / 2 ** 32;

const numberOf = (name: string): number => createHash('sha256').update(name).digest().readUInt32LE();
