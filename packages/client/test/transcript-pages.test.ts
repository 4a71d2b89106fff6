/** The stored finals, page by page. */
import { expect, test } from 'vitest';
import { transcriptPages } from '../src/transcript-pages.ts';
import { final } from './support/hub.ts';

/** Loads entries 1 to 4 of epoch e from a hub that answers with these pages, one after the other. */
async function load(...pages: object[]): Promise<number[]> {
  const seqs: number[] = [];
  const request = {
    fetch: async () => new Response(JSON.stringify(pages.shift())),
    address: () => 'http://hub/transcript',
    token: () => 't',
    signal: new AbortController().signal,
    timeoutMs: 1_000,
    epoch: 'e',
    upTo: 4,
  };
  for await (const finals of transcriptPages(request)) seqs.push(...finals.map((one) => one.seq));
  return seqs;
}

const page = (seqs: number[], next: number | null, epoch = 'e') => ({
  meeting_id: 'm',
  epoch,
  seq: 9,
  segments: seqs.map((seq) => final(seq)),
  next,
});

test('pages are read to the wanted entry and no further', async () => {
  expect(await load(page([1, 2], 2), page([4, 5], 5), page([6], null))).toEqual([1, 2, 4]);
});

test('pages of another log, without an end or without a transcript are refused', async () => {
  await expect(load(page([1], null, 'f'))).rejects.toThrow('restarted');
  await expect(load(page([1], 2), page([1], 2))).rejects.toThrow('do not end');
  await expect(load({ hello: 'world' })).rejects.toThrow('not a transcript');
});
