/** Text to search terms, the same for what is stored and what is asked. Pure. */

/** A stretch of a text and the terms it is found by. Offsets are UTF-16 code units. */
export interface Token {
  readonly start: number;
  readonly end: number;
  readonly terms: readonly string[];
}

/** Scripts that write no spaces: where a word ends depends on the sentence, so they are found by pairs of characters. */
const spaceless =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

const segmenter = new Intl.Segmenter('und', { granularity: 'word' });

/** The distinct terms of a text that is stored. */
export const termsOf = (text: string): string[] => [...new Set(tokensOf(text).flatMap(({ terms }) => terms))];

/** The terms that a text must all have to be found; a pair of characters stands for its two alone. */
export function queryTermsOf(query: string): string[] {
  const terms = tokensOf(query).flatMap((token) => {
    const pairs = token.terms.filter((term) => isPair(term));
    return pairs.length > 0 ? pairs : token.terms;
  });
  return [...new Set(terms)];
}

/** The words of a text where they stand, each with its terms. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let run: { start: number; end: number } | undefined;
  for (const { index, segment, isWordLike } of segmenter.segment(text)) {
    const end = index + segment.length;
    if (isWordLike && spaceless.test(segment)) {
      run = { start: run?.start ?? index, end };
      continue;
    }
    if (run) tokens.push(...pairsIn(text, run));
    run = undefined;
    if (isWordLike) tokens.push(...partsIn(segment, index));
  }
  if (run) tokens.push(...pairsIn(text, run));
  return tokens;
}

/** A word, cut at the French apostrophe: `l'été` is found as `été`. */
function partsIn(word: string, offset: number): Token[] {
  const tokens: Token[] = [];
  for (const { 0: part, index } of word.matchAll(/[^'’]+/g)) {
    const term = fold(part);
    if (term !== '') tokens.push({ start: offset + index, end: offset + index + part.length, terms: [term] });
  }
  return tokens;
}

/** Each character of a run without spaces, found by itself and with its successor. */
function pairsIn(text: string, { start, end }: { start: number; end: number }): Token[] {
  const characters = [...new Intl.Segmenter('und').segment(text.slice(start, end))];
  return characters.map(({ segment, index }, at) => {
    const next = characters[at + 1];
    const terms = [fold(segment), ...(next ? [fold(segment) + fold(next.segment)] : [])];
    return {
      start: start + index,
      end: start + index + segment.length,
      terms: terms.filter((term) => term !== ''),
    };
  });
}

const isPair = (term: string): boolean => spaceless.test(term) && [...term].length > 1;

/** Case, accents, width and ligatures aside. `ı` and `ß` have no decomposition of their own. */
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replaceAll('ı', 'i')
    .replaceAll('ß', 'ss')
    .replaceAll('ς', 'σ');
}
