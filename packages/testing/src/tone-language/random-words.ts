/** Words drawn from the vocabulary by a seed: the same seed always says the same. */

import { vocabulary } from './vocabulary.ts';

export function randomWords(count: number, seed: number): string[] {
  const random = mulberry32(seed);
  return Array.from({ length: count }, () => vocabulary[Math.floor(random() * vocabulary.length)] ?? '');
}

/** Numbers in [0, 1) that depend on the seed alone. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
