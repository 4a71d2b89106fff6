/** Turns written text into words the tone language can say. */

import { vocabulary, wordIndex } from './vocabulary.ts';

const separators = /[^\p{L}\p{M}\p{N}']+/u;

/** The words of a text, lower-cased; throws a TypeError naming those outside the vocabulary. */
export function wordsOf(text: string): string[] {
  const spoken = text
    .normalize('NFC')
    .split(separators)
    .filter((word) => word !== '');
  const words = spoken.map(lowerCase);
  const unknown = words.filter((word) => !wordIndex.has(word));
  if (unknown.length > 0) throw new TypeError(`not in the tone vocabulary: ${unknown.map(hint).join(', ')}`);
  return words;
}

/** Plain lower case, or the Turkish one (I → ı, İ → i) where only that is a word. */
function lowerCase(word: string): string {
  const plain = word.toLowerCase();
  if (wordIndex.has(plain)) return plain;
  const turkish = word.toLocaleLowerCase('tr');
  return wordIndex.has(turkish) ? turkish : plain;
}

function hint(unknown: string): string {
  const near = vocabulary
    .map((word) => ({ word, distance: editDistance(unknown, word) }))
    .filter(({ distance }) => distance <= 2)
    .sort((one, other) => one.distance - other.distance)
    .slice(0, 3)
    .map(({ word }) => `"${word}"`);
  return near.length > 0 ? `"${unknown}" (did you mean ${near.join(' or ')}?)` : `"${unknown}"`;
}

function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [row, letter] of [...from].entries()) {
    const current = [row + 1];
    for (const [column, other] of [...to].entries()) {
      const replaced = (previous[column] ?? 0) + (letter === other ? 0 : 1);
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
