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

const wordSegmenter = new Intl.Segmenter('und', { granularity: 'word' });
const characterSegmenter = new Intl.Segmenter('und');

/** Length of a term at most, as an index takes it; a longer word is found by how it begins. */
const longestTerm = 64;

/** The distinct terms of a text that is stored. */
export const termsOf = (text: string): string[] => [...new Set(tokensOf(text).flatMap(({ terms }) => terms))];

/** The terms that a text must all have to be found. A pair of characters stands for its two alone. */
export function queryTermsOf(query: string): string[] {
  const tokens = tokensOf(query);
  const terms = tokens.flatMap((token, index) => {
    const pair = pairIn(token);
    if (pair !== undefined) return [pair];
    return isSecond(tokens[index - 1], token) ? [] : token.terms;
  });
  return [...new Set(terms)];
}

/** The pair that a character without spaces makes with the next one. */
export const pairIn = ({ terms }: Token): string | undefined => terms[1];

/** Whether a token is the second character of a pair. */
export const isSecond = (before: Token | undefined, token: Token): before is Token =>
  before !== undefined && pairIn(before) !== undefined && before.end === token.start;

/** The words of a text where they stand, each with its terms. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let run: { start: number; end: number } | undefined;
  for (const { start, segment, isWordLike } of segmentsOf(text, wordSegmenter)) {
    const end = start + segment.length;
    if (isWordLike && spaceless.test(segment)) {
      run = { start: run?.start ?? start, end };
      continue;
    }
    if (run) tokens.push(...pairsIn(text, run));
    run = undefined;
    if (isWordLike) tokens.push(...partsIn(segment, start));
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
  const characters = [...segmentsOf(text.slice(start, end), characterSegmenter)];
  return characters.map(({ segment, start: index }, at) => {
    const [own, next] = [fold(segment), fold(characters[at + 1]?.segment ?? '')];
    const terms = own === '' || next === '' ? [own] : [own, own + next];
    return { start: start + index, end: start + index + segment.length, terms };
  });
}

/** Case, accents, width and ligatures aside. `ı` and `ß` have no decomposition of their own. */
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replaceAll('ı', 'i')
    .replaceAll('ß', 'ss')
    .replaceAll('ς', 'σ')
    .slice(0, longestTerm);
}

/** Characters that are segmented at a time: what the segmenter takes grows with the square of them. */
const longestPiece = 1_000;

function* segmentsOf(text: string, segmenter: Intl.Segmenter) {
  for (const [start, end] of piecesOf(text)) {
    for (const { index, segment, isWordLike } of segmenter.segment(text.slice(start, end))) {
      yield { start: start + index, segment, isWordLike };
    }
  }
}

/** A text in pieces that begin at a word; one that is longer than a piece is cut. */
function* piecesOf(text: string): Generator<[start: number, end: number]> {
  let start = 0;
  for (const { 0: word, index } of text.matchAll(/[^ \t\r\n]+/g)) {
    const end = index + word.length;
    if (end - start > longestPiece && index > start) {
      yield [start, index];
      start = index;
    }
    while (end - start > longestPiece) {
      const cut = cutIn(text, start + longestPiece, end);
      yield [start, cut];
      start = cut;
    }
  }
  if (start < text.length) yield [start, text.length];
}

/** The next place that is not inside a character. */
function cutIn(text: string, from: number, end: number): number {
  let at = from;
  while (at < end && at < from + 20 && /[\p{M}\p{Cf}\uDC00-\uDFFF]/u.test(text.charAt(at))) at += 1;
  return at;
}
