import { expect, test } from 'vitest';
import type { RecognizedSpan } from '../../src/recognizer/recognizer.ts';
import { shifted, withWords } from '../../src/recognizer/span.ts';

const span: RecognizedSpan = {
  kind: 'span',
  channel: 0,
  startMs: 0,
  endMs: 1_000,
  isFinal: true,
  endsUtterance: true,
  text: 'One, two.',
  words: [
    { text: 'one', startMs: 100, endMs: 400 },
    { text: 'two', startMs: 500, endMs: 900 },
  ],
};

test('a span that keeps all of its words keeps its text; else its text is what it keeps', () => {
  expect(withWords(span, [...span.words])).toBe(span);
  expect(withWords(span, span.words.slice(1))).toEqual({ ...span, text: 'two', words: span.words.slice(1) });
  expect(withWords(span, [])).toEqual({ ...span, text: '', words: [] });
});

test('a text without words stays as it is', () => {
  const bare = { ...span, words: [] };
  expect(withWords(bare, [])).toBe(bare);
});

test('a span and its words are moved in time together', () => {
  const later = shifted(span, 2_000);
  expect([later.startMs, later.endMs]).toEqual([2_000, 3_000]);
  expect(later.words.map(({ startMs, endMs }) => [startMs, endMs])).toEqual([
    [2_100, 2_400],
    [2_500, 2_900],
  ]);
  expect(shifted(later, -2_000)).toEqual(span);
});
