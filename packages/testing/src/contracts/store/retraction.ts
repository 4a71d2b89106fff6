/** A retraction in every Store: it takes what belongs together, and holds for what comes later. */
import type { TimedWord } from '@meetcast/server';
import { expect } from 'vitest';
import { finalEntry, ts } from '../entries.ts';
import type { Contract } from '../follow.ts';
import type { StoreStage } from './opened.ts';
import { takingBack } from './taking-back.ts';

function stageOn(on: StoreStage) {
  const say = (segmentNo: number, text: string, changes = {}, words?: readonly TimedWord[]) =>
    on.store.append(on.meeting, finalEntry(segmentNo, { text, ...changes }), {
      raw: `{"raw":"${text}"}`,
      words,
    });
  return { ...takingBack(on), say };
}

type Stage = ReturnType<typeof stageOn>;

const revisionTakenBack =
  (segmentNo: number) =>
  async ({ retract, textsIn, typesIn, secret, say, isGone }: Stage) => {
    const texts = ['first', 'second', 'third'].map(secret);
    await say(1, texts[0] ?? '');
    await say(2, texts[1] ?? '', { revises: 1, start_ms: 50_000, end_ms: 51_000 });
    await say(3, texts[2] ?? '', { revises: 2, start_ms: 60_000, end_ms: 61_000 });
    await say(4, 'other');
    const { event } = await retract({ segmentNo });
    expect(await textsIn()).toEqual(['other']);
    expect(await typesIn()).toEqual(['retract', 'retract', 'retract', 'transcript.final', 'retract']);
    for (const text of texts) expect(await isGone(text)).toBe(true);
    // Whoever knows only this entry knows all that is gone.
    const known = event.type === 'retract' ? [event.segment_no, ...(event.revisions ?? [])] : [];
    expect(new Set(known)).toEqual(new Set(segmentNo === 1 ? [1, 3] : segmentNo === 2 ? [1, 2] : [1, 2, 3]));
  };

const contract: Contract<Stage> = {
  '[REST16, STORE101] when one of a segment’s revisions is taken back, all of them are gone: the oldest':
    revisionTakenBack(1),
  '[REST16, STORE101] when one of a segment’s revisions is taken back, all of them are gone: the one between':
    revisionTakenBack(2),
  '[REST16, STORE101] when one of a segment’s revisions is taken back, all of them are gone: the newest':
    revisionTakenBack(3),

  '[REST16, STORE101] a stretch takes the revisions too of what is in it': async ({
    retract,
    textsIn,
    typesIn,
    say,
  }) => {
    await say(1, 'before', { start_ms: 0, end_ms: 900 });
    await say(2, 'after', { start_ms: 5_000, end_ms: 5_900, revises: 1 });
    const { event } = await retract({ startMs: 0, endMs: 500 });
    expect(event).toMatchObject({ start_ms: 0, end_ms: 500, revisions: [2] });
    expect(await textsIn()).toEqual([]);
    expect(await typesIn()).toEqual(['retract', 'retract', 'retract']);
  },

  '[REST16, STORE102] a final that revises what was taken back is kept without its text': async ({
    on,
    retract,
    textsIn,
    secret,
    say,
    isGone,
  }) => {
    const text = secret('corrected');
    const reach = { source: 'mic' as const, fence: 1, coveredMs: 700 };
    await say(1, 'wrong');
    await retract({ segmentNo: 1 });
    const correction = finalEntry(2, { text, revises: 1 });
    const { event } = await on.store.append(on.meeting, correction, { reach, raw: text });
    expect(event).toEqual({
      type: 'retract',
      seq: 3,
      meeting_id: 'm',
      ts,
      segment_no: 2,
      start_ms: 2_000,
      end_ms: 2_900,
      meta: { source: 'mic' },
    });
    await say(3, text, { revises: 2 });
    expect(await textsIn()).toEqual([]);
    expect(await isGone(text)).toBe(true);
    expect(await on.store.raw(on.meeting, 3)).toBeUndefined();
    expect(await on.store.covered(on.meeting, 'mic')).toBe(700);
    expect(await on.store.head(on.meeting)).toMatchObject({ seq: 4, segmentNo: 3 });
  },

  '[LOG8, STORE103] words that come after their stretch was taken back are never kept': async ({
    on,
    retract,
    textsIn,
    logged,
    secret,
    say,
    isGone,
  }) => {
    const text = secret('late');
    const reach = { source: 'mic' as const, fence: 1, coveredMs: 2_500 };
    await retract({ startMs: 1_000, endMs: 2_000 });
    const late = finalEntry(1, { text, start_ms: 1_500, end_ms: 2_500, meta: { source: 'mic', channel: 1 } });
    const { event } = await on.store.append(on.meeting, late, { reach, raw: text });
    expect(event).toMatchObject({
      type: 'retract',
      seq: 2,
      segment_no: 1,
      meta: { source: 'mic', channel: 1 },
    });
    expect((await on.store.append(on.meeting, late, { reach, raw: text })).event).toEqual(event);
    expect(await isGone(text)).toBe(true);
    expect(await on.store.covered(on.meeting, 'mic')).toBe(2_500);
    await say(2, 'later', { start_ms: 2_000, end_ms: 2_400 });
    expect(await textsIn()).toEqual(['later']);
    expect((await logged()).map(({ seq }) => seq)).toEqual([1, 2, 3]);
  },

  '[LOG8, STORE103] that holds for its source alone, if it has one': async ({ retract, textsIn, say }) => {
    await retract({ startMs: 0, endMs: 10_000, source: 'mic' });
    await say(1, 'mine');
    await say(2, 'theirs', { meta: { source: 'system' } });
    await say(3, 'whose', { meta: {} });
    expect(await textsIn()).toEqual(['theirs', 'whose']);
  },

  '[LOG8, STORE104] the words of a late final that are outside the stretch are kept, if their times are known':
    async ({ on, retract, secret, say, isGone }) => {
      const [before, inside, after] = ['before', 'inside', 'after'].map(secret);
      const text = [before, inside, after].join(' ');
      const words = [before, inside, after].map((word, index) => ({
        text: word ?? '',
        start_ms: index * 1_000,
        end_ms: index * 1_000 + 900.4,
      }));
      await retract({ startMs: 900.4, endMs: 1_500 });
      const { event } = await say(1, text, { start_ms: 0, end_ms: 2_900 }, words);
      expect(event).toMatchObject({ type: 'transcript.final', text: `${before} ${after}`, segment_no: 1 });
      expect((await say(1, text, { start_ms: 0, end_ms: 2_900 }, words)).event).toEqual(event);
      await retract({ startMs: 2_500, endMs: 9_000 });
      await say(2, text, { start_ms: 0, end_ms: 2_900 }, words);
      const standing = await on.store.transcript(on.meeting, 0, 10);
      expect(standing).toMatchObject([{ text: before, start_ms: 0, end_ms: 900 }]);
      expect(await isGone(inside ?? '')).toBe(true);
      expect(await isGone(after ?? '')).toBe(true);
      expect(await isGone(before ?? '')).toBe(false);
      expect(await on.store.raw(on.meeting, 2)).toBeUndefined();
    },

  '[LOG8, STORE104] a stretch between two words takes neither': async ({ retract, textsIn, say }) => {
    const words = [
      { text: 'one', start_ms: 0, end_ms: 400 },
      { text: 'two', start_ms: 1_000, end_ms: 1_400 },
    ];
    await retract({ startMs: 500, endMs: 900 });
    await say(1, 'One, two', { start_ms: 0, end_ms: 1_400 }, words);
    expect(await textsIn()).toEqual(['One, two']);
  },

  '[LOG8, STORE105] a segment that is taken back before its final came has no text when it comes': async ({
    retract,
    textsIn,
    typesIn,
    say,
  }) => {
    await retract({ segmentNo: 2 });
    await say(1, 'one');
    await say(2, 'two');
    await say(3, 'three', { revises: 2 });
    expect(await textsIn()).toEqual(['one']);
    expect(await typesIn()).toEqual(['retract', 'transcript.final', 'retract', 'retract']);
  },

  '[LOG8, STORE106] what takes no time is taken by the stretch that it is in, as on every screen': async ({
    retract,
    textsIn,
    say,
  }) => {
    await say(1, 'moment', { start_ms: 0, end_ms: 0 });
    await say(2, 'edge', { start_ms: 500, end_ms: 500 });
    await say(3, 'outside', { start_ms: 501, end_ms: 501 });
    await retract({ startMs: 0, endMs: 0 });
    expect(await textsIn()).toEqual(['edge', 'outside']);
    await retract({ startMs: 100, endMs: 500 });
    expect(await textsIn()).toEqual(['outside']);
    await say(4, 'around', { start_ms: 800, end_ms: 900 });
    await retract({ startMs: 850, endMs: 850 });
    expect(await textsIn()).toEqual(['outside']);
  },

  '[LOG8, STORE107] the new words of a segment that was taken back are another segment, and stand': async ({
    retract,
    textsIn,
    say,
  }) => {
    await say(1, 'wrong');
    await retract({ segmentNo: 1 });
    await say(2, 'right', { start_ms: 1_000, end_ms: 1_900 });
    expect(await textsIn()).toEqual(['right']);
  },

  '[LOG8, STORE103] of many finals at once only those outside are kept': async ({
    retract,
    textsIn,
    say,
  }) => {
    await say(99, 'first', { start_ms: 99_000, end_ms: 99_900 });
    const writes = Array.from({ length: 20 }, (_, index) =>
      index === 10 ? retract({ startMs: 5_000, endMs: 14_999 }) : say(index, `${index}`),
    );
    await Promise.all(writes);
    expect((await textsIn()).slice(1)).toEqual(['0', '1', '2', '3', '4', '15', '16', '17', '18', '19']);
  },
};

export const retractionContract = { contract, stageOn };
