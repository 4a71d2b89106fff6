/** Words said against words that came back. */
import { expect, test } from 'vitest';
import { compareWords, noWords, placesOf } from '../../src/chaos/compare-words.ts';

const compare = (said: string, got: string) => {
  const words = (text: string) => ({ ...noWords, mic: text.split(' ').filter((word) => word !== '') });
  const { isEqual, missing, unexpected } = compareWords(words(said), words(got));
  const listed = (misfits: typeof missing) => misfits.map(({ place, word }) => `${place} ${word}`);
  return { isEqual, missing: listed(missing), unexpected: listed(unexpected) };
};

const equal = { isEqual: true, missing: [], unexpected: [] };

test('the same words in the same order are equal', () => {
  expect(compare('a b a', 'a b a')).toEqual(equal);
  expect(compare('', '')).toEqual(equal);
});

test('what is missing is named with its place among the words said', () => {
  expect(compare('a b a c', 'a a')).toEqual({ isEqual: false, missing: ['2 b', '4 c'], unexpected: [] });
  expect(compare('a b', '')).toEqual({ isEqual: false, missing: ['1 a', '2 b'], unexpected: [] });
});

test('what was said twice, or never, is named with the place before it', () => {
  expect(compare('a b c', 'a b b c')).toEqual({ isEqual: false, missing: [], unexpected: ['2 b'] });
  expect(compare('', 'x')).toEqual({ isEqual: false, missing: [], unexpected: ['0 x'] });
});

test('a changed word is one missing and one unexpected, an exchange of two as well', () => {
  expect(compare('a b c', 'a x c')).toEqual({ isEqual: false, missing: ['2 b'], unexpected: ['2 x'] });
  const { isEqual, missing, unexpected } = compare('a b', 'b a');
  expect([isEqual, missing.length, unexpected.length]).toEqual([false, 1, 1]);
});

test('each source is compared by itself', () => {
  const said = { mic: ['a'], system: ['b'] };
  expect(compareWords(said, { mic: ['b'], system: ['a'] }).missing).toEqual([
    { source: 'mic', place: 1, word: 'a' },
    { source: 'system', place: 1, word: 'b' },
  ]);
});

test('each word that came back has its place among those said, and an unexpected one none', () => {
  const { places } = compareWords(
    { mic: ['a', 'b', 'c', 'd'], system: ['e'] },
    { mic: ['a', 'c', 'x', 'd'], system: ['e'] },
  );
  expect(places).toEqual({ mic: [0, 2, undefined, 3], system: [0] });
});

test('the same word at the same place of both sources is two places', () => {
  const said = { mic: ['a', 'b'], system: ['a', 'b'] };
  const compared = { stored: compareWords(said, noWords), seen: compareWords(said, { ...said, mic: [] }) };
  expect(placesOf('missing', compared)).toEqual([
    { source: 'mic', place: 1, word: 'a', from: ['stored', 'seen'] },
    { source: 'system', place: 1, word: 'a', from: ['stored'] },
    { source: 'mic', place: 2, word: 'b', from: ['stored', 'seen'] },
    { source: 'system', place: 2, word: 'b', from: ['stored'] },
  ]);
});

test('words that are lost behind the last one that came are lost, though one like it came', () => {
  expect(compare('q a z a', 'a')).toEqual({ isEqual: false, missing: ['1 q', '3 z', '4 a'], unexpected: [] });
});

test('one word that is lost before hundreds is one', () => {
  const rest = Array.from({ length: 256 }, (_, place) => `word${place}`).join(' ');
  expect(compare(`lost ${rest}`, rest)).toEqual({ isEqual: false, missing: ['1 lost'], unexpected: [] });
});
