import type { TranscriptFinal } from '@meetcast/protocol';
import { expect, test } from 'vitest';
import { inTimeOrder } from '../../src/http/in-time-order.ts';
import { finalEvent } from '../support/entries.ts';
import { seeded } from '../support/random.ts';

async function* pagesOf(finals: TranscriptFinal[], size: number, read: (count: number) => void = () => {}) {
  for (let at = 0; at < finals.length; at += size) {
    const page = finals.slice(at, at + size);
    read(page.length);
    yield page;
  }
}

async function ordered(pages: AsyncIterable<TranscriptFinal[]>): Promise<TranscriptFinal[]> {
  const finals: TranscriptFinal[] = [];
  for await (const part of inTimeOrder(pages)) finals.push(...part);
  return finals;
}

test('[REST8] finals that were finished out of order come in the order of their beginnings', async () => {
  const random = seeded(7);
  const finals = Array.from({ length: 5_000 }, (_, at) =>
    finalEvent(at + 1, at + 1, { start_ms: at * 100 - Math.floor(random() * 20_000) + 20_000 }),
  );
  const starts = (await ordered(pagesOf(finals, 500))).map(({ start_ms }) => start_ms);
  expect(starts).toEqual(finals.map(({ start_ms }) => start_ms).sort((a, b) => a - b));
});

test('[REST8] those that began together stay as they were logged', async () => {
  const finals = [3, 1, 2].map((seq) => finalEvent(seq, seq, { start_ms: 5 }));
  expect((await ordered(pagesOf(finals, 3))).map(({ seq }) => seq)).toEqual([1, 2, 3]);
});

test('[REST8] no more than a stretch of the meeting is held, and none is lost, however late it was said', async () => {
  const finals = Array.from({ length: 20_000 }, (_, at) =>
    finalEvent(at + 1, at + 1, { start_ms: 20_000 - at }),
  );
  let held = 0;
  let most = 0;
  let given = 0;
  const pages = pagesOf(finals, 500, (count) => {
    held += count;
    most = Math.max(most, held);
  });
  for await (const part of inTimeOrder(pages)) {
    held -= part.length;
    given += part.length;
  }
  expect(most).toBe(1_000);
  expect(given).toBe(20_000);
});
