import { expect, test } from 'vitest';
import type { RecognizedSpan } from '../../src/recognizer/recognizer.ts';
import { halfWordsOf, wholeWordsOf } from '../../src/transcription/half-words.ts';

const heard: RecognizedSpan = {
  kind: 'span',
  channel: 0,
  startMs: 0,
  endMs: 2_000,
  isFinal: true,
  endsUtterance: true,
  text: 'So it is.',
  words: [
    { text: 'so', startMs: 100, endMs: 300 },
    { text: 'it', startMs: 400, endMs: 600 },
    { text: 'is', startMs: 1_800, endMs: 1_990 },
  ],
};

test('a word at the broken end is left to its sender, and the span ends with the last whole one', () => {
  expect(wholeWordsOf(heard, 2_000)).toEqual({
    ...heard,
    words: heard.words.slice(0, 2),
    text: 'so it',
    endMs: 600,
  });
});

test('a span that does not reach the broken end is whole', () => {
  expect(wholeWordsOf(heard, 2_081)).toBe(heard);
  expect(wholeWordsOf({ ...heard, isFinal: false }, 2_000)).toMatchObject({ text: 'So it is.' });
  const end = { kind: 'utterance-end', channel: 0 } as const;
  expect(wholeWordsOf(end, 0)).toBe(end);
});

test('nor is one whole that ends only a little before it', () => {
  expect(wholeWordsOf(heard, 2_050)).toMatchObject({ text: 'so it', endMs: 600 });
});

test('silence up to the broken end may hide half a word: none of it is vouched for', () => {
  expect(wholeWordsOf({ ...heard, text: '', words: [] }, 2_000)).toMatchObject({ text: '', endMs: 0 });
});

test('text without word times cannot be cut and stays', () => {
  expect(wholeWordsOf({ ...heard, words: [] }, 2_000)).toMatchObject({ text: 'So it is.', endMs: 2_000 });
});

test('words that all end well before it keep the recognizer’s own text', () => {
  const words = heard.words.slice(0, 2);
  expect(wholeWordsOf({ ...heard, words, text: 'So it' }, 2_000)).toMatchObject({
    text: 'So it',
    endMs: 600,
  });
});

test('what was left out is known, from the last whole word on, and each word is on one side only', () => {
  const rest = halfWordsOf(heard, wholeWordsOf(heard, 2_000));
  expect(rest).toEqual({ ...heard, startMs: 600, text: 'is', words: heard.words.slice(2) });
  expect(halfWordsOf(heard, heard)).toBeUndefined();
});

test('of what was left out whole the recognizer’s own text is known', () => {
  const certain = wholeWordsOf({ ...heard, words: heard.words.slice(2) }, 2_000);
  expect(halfWordsOf({ ...heard, words: heard.words.slice(2) }, certain)).toMatchObject({
    startMs: 0,
    endMs: 2_000,
    text: 'So it is.',
  });
});
