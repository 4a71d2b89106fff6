/** The part of a text around what was searched for, and where in it that stands. Pure. */
import { tokensOf } from './store/search-terms.ts';

export interface Excerpt {
  readonly excerpt: string;
  /** Start and end of each found word in the excerpt: UTF-16 code units. */
  readonly highlights: [number, number][];
}

/** Characters around the first found word. */
const around = 80;

export function excerptOf(text: string, terms: readonly string[]): Excerpt {
  const wanted = new Set(terms);
  const found = joined(tokensOf(text).filter((token) => token.terms.some((term) => isWanted(term, wanted))));
  const from = wordStart(text, (found[0]?.[0] ?? 0) - around);
  const to = wordEnd(text, (found[0]?.[1] ?? 0) + around);
  const head = from > 0 ? '…' : '';
  const highlights = found
    .filter(([start, end]) => start >= from && end <= to)
    .map(([start, end]): [number, number] => [start - from + head.length, end - from + head.length]);
  return { excerpt: `${head}${text.slice(from, to)}${to < text.length ? '…' : ''}`, highlights };
}

/** A pair of characters stands for the two that make it. */
const isWanted = (term: string, wanted: ReadonlySet<string>) =>
  wanted.has(term) ||
  ([...term].length === 1 && [...wanted].some((pair) => [...pair].length === 2 && pair.includes(term)));

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
  return space < 0 || space > at + around / 2 ? at : space + 1;
}

function wordEnd(text: string, at: number): number {
  if (at >= text.length) return text.length;
  const space = text.lastIndexOf(' ', at);
  return space < at - around / 2 ? at : space;
}
