/** The alphabet of the tone language: which tones make which word, how loud, how long and when. */

import { vocabulary } from './vocabulary.ts';

/** How long one word sounds, and the silence behind it: a bit over three words a second. */
export const toneTiming = { wordMs: 200, gapMs: 100, leadMs: 100, tailMs: 300 } as const;

/** Loudest sample a word may reach, in decibels below full scale. */
export const defaultAmplitudeDbfs = -12;

const wordToneCount = 28;
const lowestWordToneHz = 800;
const toneSpacingHz = 100;

/** All tones are multiples of 100 Hz, so each fits a 10 ms block a whole number of times and none leaks into another. */
export const wordTonesHz: readonly number[] = Array.from(
  { length: wordToneCount },
  (_, step) => lowestWordToneHz + step * toneSpacingHz,
);

/** The third tone of every burst names the speaker. */
export const speakerTonesHz: readonly number[] = [300, 400, 500, 600];

export const speakerCount = speakerTonesHz.length;

/** Two tones of one word are never neighbours: a word cut short smears its tones, and must not look like another. */
const tonePairs: ReadonlyArray<readonly [number, number]> = wordTonesHz.flatMap((_, low) =>
  wordTonesHz.flatMap((_, high) => (high - low >= 2 ? [[low, high] as const] : [])),
);

const wordOfPair: ReadonlyArray<number> = pairTable();

function pairTable(): number[] {
  const table = Array.from({ length: wordToneCount * wordToneCount }, () => -1);
  for (const [index, [low, high]] of tonePairs.entries()) {
    if (index < vocabulary.length) table[low * wordToneCount + high] = index;
  }
  return table;
}

/** The frequencies of a burst: two for the word, one for the speaker. */
export function burstTonesHz(word: number, speaker: number): [number, number, number] {
  const pair = tonePairs[word];
  const pilot = speakerTonesHz[speaker];
  if (!pair || word >= vocabulary.length) throw new RangeError(`no tones for word number ${word}`);
  if (pilot === undefined) throw new TypeError(`speaker must be 0 to ${speakerCount - 1}, got ${speaker}`);
  return [wordTonesHz[pair[0]] ?? 0, wordTonesHz[pair[1]] ?? 0, pilot];
}

/** Which word two tones make, by their places in `wordTonesHz`; undefined when they make none. */
export function wordOfTones(one: number, other: number): number | undefined {
  const index = wordOfPair[Math.min(one, other) * wordToneCount + Math.max(one, other)] ?? -1;
  return index < 0 ? undefined : index;
}
