/** The transcript of every Store: the finals that stand. */
import { expect, test } from 'vitest';
import { finalEntry, statusEntry } from '../support/entries.ts';
import { type Open, opened } from './opened.ts';

export function transcriptContract(open: Open): void {
  const on = opened(open);
  const append = (...args: Parameters<typeof finalEntry>) => on.store.append(on.meeting, finalEntry(...args));
  const textsIn = async (after = 0, limit = 100) =>
    (await on.store.transcript(on.meeting, after, limit)).map(({ text }) => text);

  test('[STORE30] the transcript is the finals in order, whatever else was logged', async () => {
    await on.store.append(on.meeting, statusEntry('live'));
    await append(2, { text: 'b' });
    await on.store.append(on.meeting, statusEntry('idle'));
    await append(1, { text: 'a' });
    expect(await on.store.transcript(on.meeting, 0, 100)).toEqual([
      { ...finalEntry(2, { text: 'b' }), seq: 2 },
      { ...finalEntry(1, { text: 'a' }), seq: 4 },
    ]);
  });

  test('[STORE31] it is read a page at a time; an empty page is the end', async () => {
    for (let number = 1; number <= 5; number += 1) {
      await on.store.append(on.meeting, statusEntry('between'));
      await append(number, { text: `t${number}` });
    }
    expect(await textsIn(0, 2)).toEqual(['t1', 't2']);
    expect(await textsIn(4, 2)).toEqual(['t3', 't4']);
    expect(await textsIn(8, 2)).toEqual(['t5']);
    expect(await textsIn(10, 2)).toEqual([]);
    expect(await on.store.transcript({ ...on.meeting, id: 'nobody' }, 0, 10)).toEqual([]);
  });

  test('[STORE32] a final that another one revises is in the log, and in no transcript', async () => {
    await append(1, { text: 'as heard first' });
    await append(2, { text: 'something else' });
    await append(3, { text: 'as heard better', revises: 1 });
    await append(4, { text: 'as heard best', revises: 3 });
    expect(await textsIn()).toEqual(['something else', 'as heard best']);
    const { events } = await on.store.read(on.meeting, 0, 10);
    expect(events.map((event) => 'text' in event && event.text)).toEqual([
      'as heard first',
      'something else',
      'as heard better',
      'as heard best',
    ]);
  });

  test('[STORE33] written at once, the same ones stand', async () => {
    await Promise.all([
      append(1, { text: 'first' }),
      append(2, { text: 'better', revises: 1 }),
      append(3, { text: 'best', revises: 2 }),
      append(5, { text: 'revises itself', revises: 5 }),
      append(6, { text: 'revises one to come', revises: 7 }),
      append(7, { text: 'comes' }),
    ]);
    expect(await textsIn()).toEqual(['best', 'revises itself', 'revises one to come', 'comes']);
    await append(1, { text: 'first' });
    expect(await textsIn()).toHaveLength(4);
  });
}
