/** The part of a text around what was searched for, and where in it that stands. Pure. */
import { isSecond, pairIn, type Token, tokensOf } from '../store/search-terms.ts';

export interface Excerpt {
  readonly excerpt: string;
  /** Start and end of each found word in the excerpt: UTF-16 code units. */
  readonly highlights: [number, number][];
}

/** Characters around the first found word. */
const around = 80;

export function excerptOf(text: string, terms: readonly string[]): Excerpt {
  const found = joined(foundIn(tokensOf(text), new Set(terms)));
  const from = wordStart(text, (found[0]?.[0] ?? 0) - around);
  const to = wordEnd(text, (found[0]?.[1] ?? 0) + around);
  const head = from > 0 ? '…' : '';
  const highlights = found
    .filter(([start, end]) => start >= from && end <= to)
    .map(([start, end]): [number, number] => [start - from + head.length, end - from + head.length]);
  return { excerpt: `${head}${text.slice(from, to)}${to < text.length ? '…' : ''}`, highlights };
}

/** The tokens that have one of the terms. */
const foundIn = (tokens: readonly Token[], terms: ReadonlySet<string>): Token[] =>
  tokens.filter((token, index) => {
    const before = tokens[index - 1];
    const isPaired = isSecond(before, token) && terms.has(pairIn(before) ?? '');
    return isPaired || token.terms.some((term) => terms.has(term));
  });

/** Neighbours without anything between them are one stretch. */
function joined(tokens: readonly { start: number; end: number }[]): [number, number][] {
  const stretches: [number, number][] = [];
  for (const { start, end } of tokens) {
    const last = stretches.at(-1);
    if (last && last[1] >= start) last[1] = end;
    else stretches.push([start, end]);
  }
  return stretches;
}

function wordStart(text: string, at: number): number {
  if (at <= 0) return 0;
  const space = text.indexOf(' ', at);
  return space < 0 || space > at + around / 2 ? characterStart(text, at) : space + 1;
}

function wordEnd(text: string, at: number): number {
  if (at >= text.length) return text.length;
  const space = text.lastIndexOf(' ', at);
  return space < at - around / 2 ? characterStart(text, at) : space;
}

/** Back to where a character begins: half of one is shown as a question mark. */
function characterStart(text: string, at: number): number {
  let start = at;
  while (start > 0 && at - start < 20 && /[\p{M}\p{Cf}\uDC00-\uDFFF]/u.test(text.charAt(start))) start -= 1;
  return start;
}
