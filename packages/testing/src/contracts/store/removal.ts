/** What is taken back or forgotten in every Store: gone from all it keeps, and it stays gone. */
import { expect } from 'vitest';
import { finalEntry, statusEntry, ts } from '../entries.ts';
import type { Contract } from '../follow.ts';
import type { StoreStage } from './opened.ts';
import { page, takingBack } from './taking-back.ts';

function stageOn(on: StoreStage) {
  async function say(segmentNo: number, text: string, changes = {}): Promise<void> {
    const entry = finalEntry(segmentNo, { text, speaker: `${text}speaker`, ...changes });
    await on.store.append(on.meeting, entry, { raw: `{"raw":"${text}"}` });
  }
  return { ...takingBack(on), hasText: on.hasText, say };
}

const contract: Contract<ReturnType<typeof stageOn>> = {
  '[STORE70] what is for one log only is refused once the meeting was forgotten, and leaves nothing': async ({
    on,
    secret,
    isGone,
  }) => {
    const secretText = secret('late');
    const { epoch } = await on.store.append(on.meeting, finalEntry(1));
    const reach = { source: 'mic' as const, fence: 3, coveredMs: 500 };
    await on.store.append(on.meeting, finalEntry(2), { epoch });
    expect(await on.store.cover(on.meeting, reach, epoch)).toBe(500);
    await on.store.forget(on.meeting);
    const late = on.store.append(on.meeting, finalEntry(3, { text: secretText }), { reach, epoch });
    await expect(late).rejects.toMatchObject({ name: 'StaleEpochError' });
    const cover = on.store.cover(on.meeting, { ...reach, coveredMs: 900 }, epoch);
    await expect(cover).rejects.toMatchObject({ name: 'StaleEpochError' });
    expect(await on.store.head(on.meeting)).toMatchObject({ seq: 0, segmentNo: 0 });
    expect(await on.store.covered(on.meeting, 'mic')).toBe(0);
    expect(await on.store.meeting(on.meeting)).toBeUndefined();
    expect(await isGone(secretText)).toBe(true);
    expect((await on.store.append(on.meeting, finalEntry(1))).event.seq).toBe(1);
  },

  '[STORE60] a segment that is taken back leaves its place in the order, and nothing of what was said':
    async ({ on, retract, textsIn, secret, say, isGone }) => {
      const [kept, taken] = [secret('kept'), secret('taken')];
      await say(1, kept);
      await say(2, taken);
      const { event } = await retract({ segmentNo: 2 });
      expect(event).toEqual({ type: 'retract', seq: 3, meeting_id: on.meeting.id, ts, segment_no: 2 });
      expect((await on.store.read(on.meeting, 1, 10)).events).toEqual([
        {
          type: 'retract',
          seq: 2,
          meeting_id: 'm',
          ts,
          segment_no: 2,
          start_ms: 2_000,
          end_ms: 2_900,
          meta: { source: 'mic' },
        },
        event,
      ]);
      expect(await textsIn()).toEqual([kept]);
      expect([await isGone(kept), await isGone(taken)]).toEqual([false, true]);
      expect(await on.store.raw(on.meeting, 2)).toBeUndefined();
      expect(await on.store.raw(on.meeting, 1)).toContain(kept);
      expect(await on.store.head(on.meeting)).toMatchObject({ seq: 3, segmentNo: 2 });
    },

  '[STORE61] a stretch of time takes back everything that reaches into it': async ({
    on,
    retract,
    textsIn,
    secret,
    say,
    isGone,
  }) => {
    const words = ['before', 'into', 'inside', 'across', 'outof', 'after'].map(secret);
    const times = [
      [0, 1_000],
      [500, 1_000.5],
      [1_200, 1_300],
      [900, 2_100],
      [1_999.5, 2_500],
      [2_000, 3_000],
    ];
    for (const [index, [start_ms, end_ms]] of times.entries()) {
      await say(index + 1, words[index] ?? '', { start_ms, end_ms });
    }
    const { event } = await retract({ startMs: 1_000, endMs: 2_000 });
    expect(event).toEqual({
      type: 'retract',
      seq: 7,
      meeting_id: on.meeting.id,
      ts,
      start_ms: 1_000,
      end_ms: 2_000,
    });
    expect(await textsIn()).toEqual([words[0], words[5]]);
    // What is gone takes no place on a page.
    expect(await on.store.transcript(on.meeting, 1, 1)).toMatchObject([{ seq: 6 }]);
    for (const word of words.slice(1, 5)) expect(await isGone(word)).toBe(true);
    expect(await isGone(words[0] ?? '')).toBe(false);
  },

  '[STORE62] a stretch of one source takes nothing of the other': async ({ retract, textsIn, say }) => {
    await say(1, 'mine', { start_ms: 0, end_ms: 9, meta: { source: 'mic' } });
    await say(2, 'theirs', { start_ms: 0, end_ms: 9, meta: { source: 'system' } });
    await say(3, 'whose', { start_ms: 0, end_ms: 9, meta: {} });
    const { event } = await retract({ startMs: 0, endMs: 5.5, source: 'system' });
    expect(event).toMatchObject({ type: 'retract', start_ms: 0, end_ms: 5.5, meta: { source: 'system' } });
    expect(await textsIn()).toEqual(['mine', 'whose']);
    await retract({ startMs: 0, endMs: 5.5 });
    expect(await textsIn()).toEqual([]);
  },

  '[STORE63] a final that is retried after its retraction does not come back': async ({
    on,
    retract,
    textsIn,
    secret,
    say,
    isGone,
  }) => {
    const taken = secret('taken');
    await say(1, taken);
    await retract({ segmentNo: 1 });
    const again = await on.store.append(on.meeting, finalEntry(1, { text: taken }), { raw: taken });
    expect(again.event).toMatchObject({ type: 'retract', seq: 1 });
    expect(await textsIn()).toEqual([]);
    expect(await isGone(taken)).toBe(true);
  },

  '[STORE64] what a final revised is gone too when it is taken back, and does not stand again': async ({
    retract,
    textsIn,
    typesIn,
    say,
  }) => {
    await say(1, 'first');
    await say(2, 'second', { revises: 1 });
    await retract({ segmentNo: 2 });
    expect(await textsIn()).toEqual([]);
    await retract({ startMs: 0, endMs: 10_000 });
    expect(await typesIn()).toEqual(['retract', 'retract', 'retract', 'retract']);
  },

  '[STORE65] taking back what was never said is logged, and changes nothing else': async ({
    on,
    retract,
    textsIn,
    typesIn,
    say,
  }) => {
    await say(1, 'kept');
    await on.store.append(on.meeting, statusEntry('live'));
    await retract({ segmentNo: 9 });
    await retract({ startMs: 50_000, endMs: 60_000 });
    await retract({ segmentNo: 9 });
    expect(await typesIn()).toEqual(['transcript.final', 'status', 'retract', 'retract', 'retract']);
    expect(await textsIn()).toEqual(['kept']);
  },

  '[STORE66] a retraction comes after what was written before it, and before what comes after': async ({
    retract,
    textsIn,
    typesIn,
    say,
  }) => {
    const writes = [
      say(1, 'one'),
      retract({ segmentNo: 1 }),
      say(2, 'two'),
      retract({ startMs: 0, endMs: 1_500 }),
    ];
    await Promise.all(writes);
    expect(await typesIn()).toEqual(['retract', 'retract', 'transcript.final', 'retract']);
    expect(await textsIn()).toEqual(['two']);
  },

  '[STORE67] a meeting that is forgotten is gone whole; its next entry is seq 1 of another epoch': async ({
    on,
    secret,
    say,
    hasText,
  }) => {
    const word = secret('word');
    const fence = Date.now() * 1_000 + 1;
    const session = secret('session');
    const { epoch } = await on.store.append(on.meeting, finalEntry(1, { text: word }), {
      reach: {
        source: 'mic',
        fence,
        coveredMs: 900,
      },
    });
    await on.store.cover(on.meeting, { source: 'mic', fence, coveredMs: 900, session });
    expect(await on.store.lastSession(on.meeting, 'mic')).toBeUndefined();
    await on.store.cover(on.meeting, { source: 'system', fence, coveredMs: 0, session });
    expect(await on.store.lastSession(on.meeting, 'system')).toMatchObject({ session });
    await say(2, word);
    expect(await on.store.forget(on.meeting)).toBe(true);
    expect(await on.store.forget(on.meeting)).toBe(false);
    expect(await hasText(word)).toBe(false);
    expect(await hasText(on.meeting.id)).toBe(false);
    expect(await hasText(String(fence))).toBe(false);
    expect(await hasText(session)).toBe(false);
    expect(await on.store.meeting(on.meeting)).toBeUndefined();
    expect(await on.store.covered(on.meeting, 'mic')).toBe(0);
    const head = await on.store.head(on.meeting);
    expect(head).toMatchObject({ seq: 0, segmentNo: 0 });
    expect(head.epoch).not.toBe(epoch);
    const again = await on.store.append(on.meeting, finalEntry(1, { text: 'new' }), {
      reach: {
        source: 'mic',
        fence: 1,
        coveredMs: 1,
      },
    });
    expect(again).toMatchObject({ epoch: head.epoch, event: { seq: 1, text: 'new' } });
  },

  '[STORE68] forgetting one meeting leaves the others, and their epochs': async ({ on, say }) => {
    const other = { ...on.meeting, id: `${on.meeting.id}-2` };
    const { epoch } = await on.store.append(other, finalEntry(1, { text: 'stays' }));
    await say(1, 'goes');
    await on.store.forget(on.meeting);
    expect(await on.store.read(other, 0, 10)).toMatchObject({ epoch, events: [{ text: 'stays' }] });
    expect((await on.store.search({ tenant: other.tenant }, ['stays'], page)).items).toHaveLength(1);
    const reborn = await on.store.append(on.meeting, finalEntry(1));
    expect(reborn.epoch).not.toBe(epoch);
  },

  '[STORE69] forgetting while others write leaves each log without a hole': async ({ on }) => {
    await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        index % 20 === 19 ? on.store.forget(on.meeting) : on.store.append(on.meeting, finalEntry(index + 1)),
      ),
    );
    const { events } = await on.store.read(on.meeting, 0, 100);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index + 1));
    expect((await on.store.head(on.meeting)).seq).toBe(events.length);
  },
};

export const removalContract = { contract, stageOn };
