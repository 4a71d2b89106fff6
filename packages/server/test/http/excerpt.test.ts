import { expect, test } from 'vitest';
import { excerptOf } from '../../src/http/excerpt.ts';
import { queryTermsOf } from '../../src/store/search-terms.ts';

const search = (text: string, query: string) => {
  const { excerpt, highlights } = excerptOf(text, queryTermsOf(query));
  return { excerpt, marked: highlights.map(([start, end]) => excerpt.slice(start, end)) };
};
const filler = 'several words that say nothing at all of what somebody looked for '.repeat(6);

test('a short text is shown whole, with every found word marked where it stands', () => {
  expect(search('The budget, our BUDGET plan', 'plan budget')).toEqual({
    excerpt: 'The budget, our BUDGET plan',
    marked: ['budget', 'BUDGET', 'plan'],
  });
});

test('a word is marked as it was written, not as it was asked for', () => {
  expect(search('Bugün IŞIK var', 'ışık').marked).toEqual(['IŞIK']);
  expect(search('in der Straße hier', 'STRASSE').marked).toEqual(['Straße']);
  expect(search("après l'été chaud", 'été').marked).toEqual(['été']);
  expect(search("après l'été chaud", "l'ete").marked).toEqual(['l', 'été']);
});

test('without spaces, what was asked for is marked and nothing beside it', () => {
  expect(search('我打算明年做预算，算了', '预算').marked).toEqual(['预算']);
  expect(search('预算的预算', '预算').marked).toEqual(['预算', '预算']);
  expect(search('会議は明日の午後に始まります', '明日の午後').marked).toEqual(['明日の午後']);
  expect(search('算', '算').marked).toEqual(['算']);
  expect(search('วันนี้เราจะประชุมเรื่องงบประมาณ', 'ประชุม').marked).toContain('ประชุม');
});

test('of a long text, the words around the first hit are shown, whole, with dots where more was said', () => {
  const { excerpt, marked } = search(`${filler}the budget is here ${filler}`, 'budget');
  expect(excerpt.length).toBeLessThan(200);
  expect(excerpt).toMatch(/^…\w+ .*the budget is here.* \w+…$/);
  expect(marked).toEqual(['budget']);
});

test('a hit at either end has dots at the other alone', () => {
  expect(search(`budget ${filler}`, 'budget').excerpt).toMatch(/^budget .*…$/);
  expect(search(`${filler} budget`, 'budget').excerpt).toMatch(/^….* budget$/);
});

test('hits further on than the excerpt reaches are not marked', () => {
  const { excerpt, marked } = search(`budget ${filler} budget`, 'budget');
  expect(excerpt.endsWith('…')).toBe(true);
  expect(marked).toEqual(['budget']);
});

test('no character is cut in two', () => {
  for (let shift = 0; shift < 4; shift += 1) {
    const { excerpt } = search(
      `${'x'.repeat(shift)}${'😀'.repeat(200)} budget ${'😀'.repeat(200)}`,
      'budget',
    );
    expect(excerpt).not.toMatch(/\p{Surrogate}/u);
  }
});

test('a text without a hit is shown from its beginning', () => {
  expect(search(filler, 'budget').excerpt.startsWith('several words')).toBe(true);
  expect(search('', 'budget')).toEqual({ excerpt: '', marked: [] });
});
