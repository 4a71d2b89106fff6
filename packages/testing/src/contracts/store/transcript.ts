/** The transcript of every Store: the finals that stand. */
import { expect } from 'vitest';
import { finalEntry, statusEntry } from '../entries.ts';
import type { Contract } from '../follow.ts';
import type { StoreStage } from './opened.ts';

function stageOn(on: StoreStage) {
  const append = (...args: Parameters<typeof finalEntry>) => on.store.append(on.meeting, finalEntry(...args));
  const textsIn = async (after = 0, limit = 100) =>
    (await on.store.transcript(on.meeting, after, limit)).map(({ text }) => text);
  return { on, append, textsIn };
}

const contract: Contract<ReturnType<typeof stageOn>> = {
  '[STORE30] the transcript is the finals in order, whatever else was logged': async ({ on, append }) => {
    await on.store.append(on.meeting, statusEntry('live'));
    await append(2, { text: 'b' });
    await on.store.append(on.meeting, statusEntry('idle'));
    await append(1, { text: 'a' });
    expect(await on.store.transcript(on.meeting, 0, 100)).toEqual([
      { ...finalEntry(2, { text: 'b' }), seq: 2 },
      { ...finalEntry(1, { text: 'a' }), seq: 4 },
    ]);
  },

  '[STORE31] it is read a page at a time; an empty page is the end': async ({ on, append, textsIn }) => {
    for (let number = 1; number <= 5; number += 1) {
      await on.store.append(on.meeting, statusEntry('between'));
      await append(number, { text: `t${number}` });
    }
    expect(await textsIn(0, 2)).toEqual(['t1', 't2']);
    expect(await textsIn(4, 2)).toEqual(['t3', 't4']);
    expect(await textsIn(8, 2)).toEqual(['t5']);
    expect(await textsIn(10, 2)).toEqual([]);
    expect(await on.store.transcript({ ...on.meeting, id: 'nobody' }, 0, 10)).toEqual([]);
  },

  '[STORE32] a final that another one revises is in the log, and in no transcript': async ({
    on,
    append,
    textsIn,
  }) => {
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
  },

  '[STORE33] written at once, the same ones stand': async ({ append, textsIn }) => {
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
  },
};

export const transcriptContract = { contract, stageOn };
