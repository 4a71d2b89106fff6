/** Spans, cut down to some of their words or moved in time. Pure. */
import type { RecognizedSpan, RecognizedWord } from './recognizer.ts';

/** With only these of its words. One that keeps all of them keeps its text, in which they may be written otherwise. */
export function withWords(span: RecognizedSpan, words: readonly RecognizedWord[]): RecognizedSpan {
  if (words.length === span.words.length) return span;
  return { ...span, words, text: words.map(({ text }) => text).join(' ') };
}

export function shifted(span: RecognizedSpan, byMs: number): RecognizedSpan {
  if (byMs === 0) return span;
  const words = span.words.map((word) => ({
    ...word,
    startMs: word.startMs + byMs,
    endMs: word.endMs + byMs,
  }));
  return { ...span, startMs: span.startMs + byMs, endMs: span.endMs + byMs, words };
}
