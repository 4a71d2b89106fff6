import { expect, test } from 'vitest';
import { spokenWords, timeErrors, wordTimes } from '../../src/index.ts';

const words = ['we', 'ship', 'on', 'friday'];
const said = spokenWords(words, 1_000);

/** A segment of the words from one place to another, off by so much. */
function segment(from: number, to: number, { early = 0, late = 0 } = {}) {
  const part = said.slice(from, to);
  const [first, last] = [part[0]?.startMs ?? 0, part.at(-1)?.endMs ?? 0];
  return { text: part.map(({ text }) => text).join(' '), start_ms: first - early, end_ms: last + late };
}

const errorsOf = (...args: Parameters<typeof timeErrors>) =>
  timeErrors(...args).map(({ word, ms }) => `${word.text} ${Math.round(ms)}`);

test('words are said one after the other, from where their audio begins', () => {
  const { start, end } = wordTimes(2);
  expect(said[2]).toEqual({ text: 'on', startMs: 1_000 + start * 1000, endMs: 1_000 + end * 1000 });
  expect(spokenWords(words)[0]?.startMs).toBe(wordTimes(0).start * 1000);
});

test('segments where their words were said are off by nothing', () => {
  expect(errorsOf(said, [segment(0, 3), segment(3, 4)])).toEqual(['we 0', 'ship 0', 'on 0', 'friday 0']);
});

test('a segment’s start is compared with its first word, its end with its last one, either way', () => {
  const expected = ['we 7', 'ship 0', 'on 0', 'friday 9'];
  expect(errorsOf(said, [segment(0, 4, { early: 7, late: 9 })])).toEqual(expected);
  expect(errorsOf(said, [segment(0, 4, { early: -7, late: -9 })])).toEqual(expected);
  expect(errorsOf(said, [segment(1, 2, { early: 3, late: 5 })], { placeOf: () => 1 })).toEqual(['ship 5']);
});

test('a word within must not stick out', () => {
  const { text, start_ms, end_ms } = segment(0, 4);
  expect(errorsOf(said, [{ text, start_ms: start_ms + 310, end_ms: end_ms - 320 }])).toEqual([
    'we 310',
    'ship 10',
    'on 20',
    'friday 320',
  ]);
});

test('the words’ 0 may be anywhere on the segments’ clock', () => {
  const fromMs = 60_000;
  const { text, start_ms, end_ms } = segment(0, 4);
  const later = { text, start_ms: start_ms + fromMs, end_ms: end_ms + fromMs + 4 };
  expect(errorsOf(said, [later], { fromMs })).toEqual(['we 0', 'ship 0', 'on 0', 'friday 4']);
});

test('of words that were lost or that nobody said there is nothing to compare', () => {
  const { end_ms } = segment(2, 4);
  const segments = [segment(0, 1), { text: 'what on friday', start_ms: said[2]?.startMs ?? 0, end_ms }];
  const places = [0, undefined, 2, 3];
  expect(errorsOf(said, segments, { placeOf: (nth) => places[nth] })).toEqual(['we 0', 'on 0', 'friday 0']);
});
