import { expect, test } from 'vitest';
import { type CloseWord, closeCodes, closePolicy, isRetryable } from '../src/index.ts';
import { protocolTables } from './support/document.ts';
import { readFixture } from './support/fixtures.ts';

const { codes } = readFixture<{
  codes: { code: number; word: CloseWord; retry: string; retryable: boolean }[];
}>('close-codes');

test('[CLOSE1] the fixture is the table, in order', () => {
  const table = Object.entries(closeCodes).map(([word, { code, retry }]) => ({ code, word, retry }));
  expect(codes.map(({ code, word, retry }) => ({ code, word, retry }))).toEqual(table);
});

test('[CLOSE1] the document is the table, in order', () => {
  const [table] = protocolTables('Closing');
  const rows = table?.map(([code, word, retry]) => ({ code: Number(code), word, retry }));
  expect(rows).toEqual(codes.map(({ code, word, retry }) => ({ code, word, retry })));
});

test.each(codes)('[CLOSE1] $code is $word: $retry', ({ code, word, retry, retryable }) => {
  expect(closePolicy(code)).toEqual({ word, retry });
  expect(isRetryable(word)).toBe(retryable);
});

test.each([1005, 1006, 1002, 3000, 4999])(
  '[CLOSE4] %i is not in the table: a lost link, come back',
  (code) => {
    expect(closePolicy(code)).toEqual({ word: 'lost', retry: 'backoff' });
  },
);
