import { expect, test } from 'vitest';
import { queryTermsOf, termsOf, tokensOf } from '../../src/store/search-terms.ts';

test('case, accents, width and ligatures make no other term', () => {
  expect(termsOf('ışık IŞIK Işık isik')).toEqual(['isik']);
  expect(termsOf('Straße STRASSE strasse STRAẞE')).toEqual(['strasse']);
  expect(termsOf('ﬁn ＦＩＮ fin')).toEqual(['fin']);
  expect(termsOf('κόσμος ΚΟΣΜΟΣ')).toEqual(['κοσμοσ']);
});

test('a word is cut at its apostrophe, however that is written', () => {
  expect(termsOf("l'été")).toEqual(['l', 'ete']);
  expect(termsOf('l’été')).toEqual(['l', 'ete']);
});

test('where no spaces are written, characters are found by themselves and in pairs', () => {
  expect(termsOf('预算表')).toEqual(['预', '预算', '算', '算表', '表']);
  expect(queryTermsOf('预算')).toEqual(['预算']);
  expect(queryTermsOf('预算表')).toEqual(['预算', '算表']);
  expect(queryTermsOf('预')).toEqual(['预']);
});

test('a pair does not reach over punctuation or words of other scripts', () => {
  expect(termsOf('预，算')).toEqual(['预', '算']);
  expect(termsOf('预abc算')).toEqual(['预', 'abc', '算']);
  expect(queryTermsOf('预 算')).toEqual(['预', '算']);
});

test('tokens say where in the text they stand', () => {
  const text = 'Zur Straße, l’été: 预算 😀 ışık';
  const parts = tokensOf(text).map(({ start, end }) => text.slice(start, end));
  expect(parts).toEqual(['Zur', 'Straße', 'l', 'été', '预', '算', 'ışık']);
});

test('a word longer than an index takes is found by its beginning', () => {
  const word = 'ab'.repeat(5_000);
  expect(termsOf(word).every((term) => term.length <= 64)).toBe(true);
  expect(termsOf(`${'said before '.repeat(200)}${word}`)).toEqual(expect.arrayContaining(termsOf(word)));
});

test('a long text has the terms of its parts, wherever they stand', () => {
  const words = Array.from({ length: 5_000 }, (_, index) => `w${index}`);
  expect(termsOf(words.join(' '))).toEqual(words);
  const run = Array.from({ length: 4_000 }, (_, index) => String.fromCharCode(0x4e00 + index)).join('');
  const pairs = Array.from({ length: 3_999 }, (_, index) => run.slice(index, index + 2));
  expect(new Set(termsOf(run))).toEqual(new Set([...run, ...pairs]));
});

test('nothing but words is a term', () => {
  expect(termsOf('')).toEqual([]);
  expect(termsOf(' …?! 😀 — ')).toEqual([]);
});
