/** The log of every Store: numbered without holes, idempotent for finals, closed to stale claims. */
import { expect } from 'vitest';
import { finalEntry, statusEntry, ts } from '../entries.ts';
import type { Contract } from '../follow.ts';
import type { StoreStage } from './opened.ts';

const reach = (fence: number, coveredMs: number) => ({ source: 'mic' as const, fence, coveredMs });

function stageOn({ store, meeting }: StoreStage) {
  const seqsOf = async (of = meeting) => (await store.read(of, 0, 1_000)).events.map(({ seq }) => seq);
  return { store, meeting, seqsOf };
}

const contract: Contract<ReturnType<typeof stageOn>> = {
  '[LOG1] entries of all kinds are numbered 1, 2, 3 … in one order': async ({ store, meeting }) => {
    const kinds = [
      statusEntry('live'),
      finalEntry(1),
      { type: 'ai.tip' as const, meeting_id: 'm', ts: finalEntry(1).ts, tip: 'ask why' },
      { type: 'summary' as const, meeting_id: 'm', ts: finalEntry(1).ts, summary: 'ok', action_items: ['a'] },
      finalEntry(2),
    ];
    const logged = [];
    for (const entry of kinds) logged.push(await store.append(meeting, entry));
    expect(logged.map(({ event }) => event.seq)).toEqual([1, 2, 3, 4, 5]);
    const { epoch, events } = await store.read(meeting, 0, 100);
    expect(events).toEqual(kinds.map((entry, index) => ({ ...entry, seq: index + 1 })));
    expect(new Set([epoch, ...logged.map((one) => one.epoch)]).size).toBe(1);
  },

  '[STORE1] fifty appends at once get fifty seqs without a hole or a repeat': async ({ store, meeting }) => {
    const logged = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        store.append(meeting, index % 2 ? finalEntry(index) : statusEntry(`s${index}`)),
      ),
    );
    const seqs = logged.map(({ event }) => event.seq).sort((a, b) => a - b);
    expect(seqs).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    const { events } = await store.read(meeting, 0, 100);
    expect(events.map(({ seq }) => seq)).toEqual(seqs);
    for (const { event } of logged) expect(events[event.seq - 1]).toEqual(event);
  },

  '[STORE2] when an append resolves the entry is there to be read, and the head shows it': async ({
    store,
    meeting,
  }) => {
    for (let number = 1; number <= 5; number += 1) {
      const { epoch, event } = await store.append(meeting, finalEntry(number));
      const [page, head] = await Promise.all([store.read(meeting, number - 1, 10), store.head(meeting)]);
      expect(page).toEqual({ epoch, events: [event] });
      expect(head).toEqual({ epoch, seq: number, segmentNo: number });
    }
  },

  '[STORE3] an entry comes back as it was given, whatever text is in it': async ({ store, meeting }) => {
    const texts = [
      '',
      'ışık çözüm İstanbul',
      '日本語 ไทย العربية',
      '😀 e\u0301',
      `'; DROP TABLE log; --`,
      '{"a":"\\u0000"}',
      'a\n\n\tb',
      'x'.repeat(20_000),
    ];
    for (const [index, text] of texts.entries()) {
      const entry = finalEntry(index + 1, {
        text,
        speaker: text.slice(0, 40),
        confidence: 0.97,
        start_ms: 0.5,
        end_ms: 3_600_000.25,
        meta: { source: 'system', language: 'tr', anything: { nested: [1, null, 'x'] } },
      });
      const { event } = await store.append(meeting, entry);
      expect(event).toEqual({ ...entry, seq: index + 1 });
    }
    const { events } = await store.read(meeting, 0, 100);
    expect(events.map((event) => 'text' in event && event.text)).toEqual(texts);
    expect(events[0]).toMatchObject({ confidence: 0.97, meta: { anything: { nested: [1, null, 'x'] } } });
  },

  '[STORE4] a final whose segment_no is already there is not added again: the entry there is the answer':
    async ({ store, meeting, seqsOf }) => {
      const first = await store.append(meeting, finalEntry(7, { text: 'as heard first' }));
      const again = await store.append(meeting, finalEntry(7, { text: 'as heard on replay' }));
      expect(again).toEqual(first);
      expect(await seqsOf()).toEqual([1]);
      const next = await store.append(meeting, finalEntry(8));
      expect(next.event.seq).toBe(2);
    },

  '[STORE5] twenty appends of one segment_no at once add one entry': async ({ store, meeting, seqsOf }) => {
    const logged = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        store.append(meeting, finalEntry(3, { text: `try ${index}` })),
      ),
    );
    expect(new Set(logged.map(({ event }) => JSON.stringify(event))).size).toBe(1);
    expect(await seqsOf()).toEqual([1]);
    expect((await store.append(meeting, statusEntry('live'))).event.seq).toBe(2);
  },

  '[STORE6] an append with a reach moves the source on in the same step': async ({ store, meeting }) => {
    await store.append(meeting, finalEntry(1), { reach: reach(5, 1_900) });
    expect(await store.covered(meeting, 'mic')).toBe(1_900);
    expect(await store.covered(meeting, 'system')).toBe(0);
  },

  '[STORE7] an append with a lower fence than was seen is refused and changes nothing': async ({
    store,
    meeting,
    seqsOf,
  }) => {
    await store.append(meeting, finalEntry(1), { reach: reach(5, 1_900) });
    await expect(store.append(meeting, finalEntry(2), { reach: reach(4, 9_000) })).rejects.toMatchObject({
      name: 'StaleFenceError',
    });
    expect(await seqsOf()).toEqual([1]);
    expect(await store.covered(meeting, 'mic')).toBe(1_900);
    const { event } = await store.append(meeting, finalEntry(2), { reach: reach(5, 2_900) });
    expect(event.seq).toBe(2);
  },

  '[STORE8] an equal fence is accepted, a higher one shuts the lower out': async ({
    store,
    meeting,
    seqsOf,
  }) => {
    await store.append(meeting, finalEntry(1), { reach: reach(5, 1_000) });
    await store.append(meeting, finalEntry(2), { reach: reach(5, 2_000) });
    await store.append(meeting, finalEntry(3), { reach: reach(6, 3_000) });
    await expect(store.cover(meeting, reach(5, 4_000))).rejects.toMatchObject({ name: 'StaleFenceError' });
    expect(await store.covered(meeting, 'mic')).toBe(3_000);
    expect(await seqsOf()).toEqual([1, 2, 3]);
  },

  '[STORE9] a cover by a new claim shuts the older one out before it has said a word': async ({
    store,
    meeting,
  }) => {
    await store.cover(meeting, reach(1, 500));
    await store.cover(meeting, reach(2, 0));
    await expect(store.append(meeting, finalEntry(1), { reach: reach(1, 9_000) })).rejects.toMatchObject({
      name: 'StaleFenceError',
    });
    expect(await store.head(meeting)).toMatchObject({ seq: 0, segmentNo: 0 });
    expect(await store.covered(meeting, 'mic')).toBe(500);
  },

  '[STORE10] coverage goes up, never down, and cover answers with it': async ({ store, meeting }) => {
    expect(await store.cover(meeting, reach(1, 1_000))).toBe(1_000);
    expect(await store.cover(meeting, reach(1, 400))).toBe(1_000);
    expect(await store.cover(meeting, reach(2, 0))).toBe(1_000);
    await store.append(meeting, finalEntry(1), { reach: reach(2, 700) });
    expect(await store.covered(meeting, 'mic')).toBe(1_000);
    expect(await store.cover(meeting, reach(2, 1_001))).toBe(1_001);
  },

  '[STORE11] each source has a fence and a coverage of its own': async ({ store, meeting }) => {
    await store.cover(meeting, { source: 'mic', fence: 9, coveredMs: 5_000 });
    expect(await store.cover(meeting, { source: 'system', fence: 1, coveredMs: 100 })).toBe(100);
    await store.append(meeting, finalEntry(1), { reach: { source: 'system', fence: 1, coveredMs: 200 } });
    expect(await store.covered(meeting, 'mic')).toBe(5_000);
    expect(await store.covered(meeting, 'system')).toBe(200);
  },

  '[STORE11] who sent a source last is kept, and from where on nobody else has': async ({
    store,
    meeting,
  }) => {
    const session = (fence: number, coveredMs: number, name: string) =>
      store.cover(meeting, { ...reach(fence, coveredMs), session: name });
    expect(await store.lastSession(meeting, 'mic')).toBeUndefined();
    await session(1, 400.5, 'one');
    await store.append(meeting, finalEntry(1), { reach: reach(1, 1_900) });
    await session(2, 0, 'one');
    expect(await store.lastSession(meeting, 'mic')).toEqual({ session: 'one', fromMs: 400 });
    expect(await store.lastSession(meeting, 'system')).toBeUndefined();
    await session(3, 2_500, 'two');
    await store.cover(meeting, reach(3, 4_000));
    expect(await store.lastSession(meeting, 'mic')).toEqual({ session: 'two', fromMs: 2_500 });
    await expect(session(2, 9_000, 'one')).rejects.toMatchObject({ name: 'StaleFenceError' });
    await session(4, 0, 'one');
    expect(await store.lastSession(meeting, 'mic')).toEqual({ session: 'one', fromMs: 4_000 });
  },

  '[STORE11] a session of which nothing is covered begins anew': async ({ store, meeting }) => {
    await store.cover(meeting, { ...reach(1, 500), session: 'one' });
    await store.cover(meeting, { ...reach(2, 900), session: 'one' });
    expect(await store.lastSession(meeting, 'mic')).toEqual({ session: 'one', fromMs: 900 });
    await store.cover(meeting, reach(2, 901));
    await store.cover(meeting, { ...reach(3, 2_000), session: 'one' });
    expect(await store.lastSession(meeting, 'mic')).toEqual({ session: 'one', fromMs: 900 });
  },

  '[STORE11] a source that somebody unknown has moved has no last session': async ({ store, meeting }) => {
    await store.cover(meeting, reach(1, 500));
    await store.cover(meeting, { ...reach(2, 500), session: 'one' });
    expect(await store.lastSession(meeting, 'mic')).toBeUndefined();
  },

  '[STORE12] a fence as large as a time in microseconds is kept exactly': async ({ store, meeting }) => {
    const large = Date.now() * 1_000;
    await store.cover(meeting, reach(large, 1));
    await expect(store.cover(meeting, reach(large - 1, 2))).rejects.toMatchObject({
      name: 'StaleFenceError',
    });
    expect(await store.cover(meeting, reach(large, 3))).toBe(3);
  },

  '[STORE13] a repeated final moves its source on, and is still refused to a stale claim': async ({
    store,
    meeting,
    seqsOf,
  }) => {
    await store.append(meeting, finalEntry(1), { reach: reach(2, 1_000) });
    await store.append(meeting, finalEntry(1), { reach: reach(3, 2_000) });
    expect(await store.covered(meeting, 'mic')).toBe(2_000);
    await expect(store.append(meeting, finalEntry(1), { reach: reach(2, 3_000) })).rejects.toMatchObject({
      name: 'StaleFenceError',
    });
    expect(await seqsOf()).toEqual([1]);
  },

  '[STORE25] a final whose number names another utterance is not kept, and so its source is not covered':
    async ({ store, meeting, seqsOf }) => {
      await store.append(meeting, finalEntry(1), { reach: reach(2, 1_000) });
      const other = finalEntry(1, { text: 'something else', ts: '2026-03-02T09:00:09.000Z' });
      const { event } = await store.append(meeting, other, { reach: reach(3, 2_000) });
      expect(event).toMatchObject({ seq: 1, text: 'final 1' });
      expect(await store.covered(meeting, 'mic')).toBe(1_000);
      await expect(store.append(meeting, other, { reach: reach(2, 2_000) })).rejects.toMatchObject({
        name: 'StaleFenceError',
      });
      expect(await seqsOf()).toEqual([1]);
    },

  '[STORE26] a repeated final whose text was taken back meanwhile is the same utterance': async ({
    store,
    meeting,
  }) => {
    await store.append(meeting, finalEntry(1), { reach: reach(2, 1_000) });
    await store.retract(meeting, { segmentNo: 1 }, ts);
    const { event } = await store.append(meeting, finalEntry(1), { reach: reach(2, 2_000) });
    expect(event).toMatchObject({ type: 'retract', seq: 1 });
    expect(await store.covered(meeting, 'mic')).toBe(2_000);
  },

  '[STORE27] two finals of one number in one crowd: the first is kept, the other covers nothing': async ({
    store,
    meeting,
  }) => {
    const other = finalEntry(1, { text: 'something else', meta: { source: 'system' } });
    await Promise.all([
      store.append(meeting, finalEntry(1), { reach: reach(2, 1_000) }),
      store.append(meeting, other, { reach: { source: 'system', fence: 2, coveredMs: 1_000 } }),
    ]);
    expect(await Promise.all([store.covered(meeting, 'mic'), store.covered(meeting, 'system')])).toEqual([
      1_000, 0,
    ]);
  },

  '[STORE14] read gives the entries after a seq, in order, a page at a time; an empty page is the end':
    async ({ store, meeting }) => {
      for (let number = 1; number <= 7; number += 1) await store.append(meeting, finalEntry(number));
      const page = async (after: number) =>
        (await store.read(meeting, after, 3)).events.map(({ seq }) => seq);
      expect(await page(0)).toEqual([1, 2, 3]);
      expect(await page(3)).toEqual([4, 5, 6]);
      expect(await page(6)).toEqual([7]);
      expect(await page(7)).toEqual([]);
      expect(await page(1_000)).toEqual([]);
      expect((await store.read(meeting, 2, 1)).events).toHaveLength(1);
    },

  '[STORE15] a meeting nobody wrote to has head 0, and its first entry has that epoch': async ({
    store,
    meeting,
  }) => {
    const head = await store.head(meeting);
    expect(head).toMatchObject({ seq: 0, segmentNo: 0 });
    expect(await store.read(meeting, 0, 10)).toEqual({ epoch: head.epoch, events: [] });
    expect(await store.covered(meeting, 'mic')).toBe(0);
    const logged = await store.append(meeting, finalEntry(1));
    expect(logged.epoch).toBe(head.epoch);
    expect((await store.head(meeting)).epoch).toBe(head.epoch);
  },

  '[STORE16] the head knows the highest segment_no, whatever came last': async ({ store, meeting }) => {
    await store.append(meeting, finalEntry(5));
    await store.append(meeting, finalEntry(2));
    await store.append(meeting, statusEntry('idle'));
    expect(await store.head(meeting)).toMatchObject({ seq: 3, segmentNo: 5 });
  },

  '[AUTH5] the same id under two tenants is two logs': async ({ store, meeting }) => {
    const other = { tenant: 'globex', id: meeting.id };
    await store.append(meeting, finalEntry(1, { text: 'for acme' }), { reach: reach(9, 1_000) });
    expect(await store.head(other)).toMatchObject({ seq: 0, segmentNo: 0 });
    expect(await store.covered(other, 'mic')).toBe(0);
    const logged = await store.append(other, finalEntry(1, { text: 'for globex' }), { reach: reach(1, 500) });
    expect(logged.event).toMatchObject({ seq: 1, text: 'for globex' });
    expect((await store.read(meeting, 0, 10)).events).toMatchObject([{ text: 'for acme' }]);
    expect((await store.read(other, 0, 10)).events).toMatchObject([{ text: 'for globex' }]);
  },

  '[STORE17] meetings whose names only differ in case or in a suffix are apart': async ({
    store,
    meeting,
  }) => {
    const ids = [meeting.id, meeting.id.toUpperCase(), `${meeting.id}:1`, `${meeting.id}_`, `${meeting.id}.`];
    for (const [index, id] of ids.entries()) {
      await store.append({ ...meeting, id }, statusEntry(`only-${index}`));
    }
    for (const [index, id] of ids.entries()) {
      const { events } = await store.read({ ...meeting, id }, 0, 10);
      expect(events).toMatchObject([{ seq: 1, status: `only-${index}` }]);
    }
  },

  '[STORE18] what a reader was given does not change when the log grows': async ({ store, meeting }) => {
    await store.append(meeting, finalEntry(1));
    const before = await store.read(meeting, 0, 10);
    await store.append(meeting, finalEntry(2));
    expect(before.events).toHaveLength(1);
  },

  '[STORE19] ping resolves while the store can be written': async ({ store }) => {
    await expect(store.ping()).resolves.toBeUndefined();
  },

  '[STORE20] text that databases dislike keeps nothing from being stored': async ({ store, meeting }) => {
    const awkward = `nul\0 lone \ud800 quote ' dollar $1 ?1 back\\slash`;
    const longWord = Array.from({ length: 20_000 }, (_, index) => index.toString(36)).join('');
    const entries = [
      finalEntry(1, { text: awkward, speaker: awkward, start_ms: 1e200, end_ms: 2e200 }),
      finalEntry(2, { text: longWord }),
      finalEntry(3, { text: Array.from({ length: 40_000 }, (_, index) => `w${index}`).join(' ') }),
      {
        ...statusEntry('live'),
        type: 'status' as const,
        message: awkward,
        status: 'live',
        details: { title: awkward },
      },
    ];
    const logged = await Promise.all(
      entries.map((entry) => store.append(meeting, entry, { reach: reach(1, 1) })),
    );
    const { events } = await store.read(meeting, 0, 10);
    expect(events).toEqual(logged.map(({ event }) => event));
    expect(events).toEqual(entries.map((entry, index) => ({ ...entry, seq: index + 1 })));
  },

  '[STORE21] an entry without a JSON is refused alone, whatever it was written with': async ({
    store,
    meeting,
    seqsOf,
  }) => {
    const details: Record<string, unknown> = {};
    details.itself = details;
    const writes = [1, 2, 3, 4].map((number) =>
      store.append(
        meeting,
        number === 2 ? ({ ...statusEntry('odd'), details } as never) : finalEntry(number),
      ),
    );
    const outcomes = await Promise.allSettled(writes);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(await seqsOf()).toEqual([1, 2, 3]);
  },

  '[STORE22] in a crowd of writes of many meetings, each meeting keeps its order and each refusal is its own':
    async ({ store, meeting }) => {
      const meetings = Array.from({ length: 60 }, (_, index) => ({
        ...meeting,
        id: `${meeting.id}-${index}`,
      }));
      const writes = meetings.flatMap((of) => [
        store.append(of, finalEntry(1), { reach: reach(5, 100) }),
        store.append(of, finalEntry(2), { reach: reach(4, 900) }),
        store.append(of, statusEntry('live')),
        store.append(of, finalEntry(1, { text: 'again' }), { reach: reach(6, 200) }),
        store.append(of, finalEntry(3), { reach: reach(5, 900) }),
        store.append(of, finalEntry(4), { reach: reach(6, 300) }),
      ]);
      const outcomes = await Promise.allSettled(writes);
      const kept = [true, false, true, true, false, true];
      expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(meetings.flatMap(() => kept));
      for (const of of meetings) {
        const { events } = await store.read(of, 0, 10);
        expect(events).toMatchObject([{ segment_no: 1 }, { status: 'live' }, { segment_no: 4 }]);
        expect(await store.covered(of, 'mic')).toBe(300);
        expect(await store.head(of)).toMatchObject({ seq: 3, segmentNo: 4 });
      }
    },

  '[STORE23] a closed store answers no more, keeps what it was given before, and may be closed again':
    async ({ store, meeting }) => {
      const before = Promise.all([1, 2, 3].map((number) => store.append(meeting, finalEntry(number))));
      await Promise.all([store.close(), store.close()]);
      expect((await before).map(({ event }) => event.seq)).toEqual([1, 2, 3]);
      await expect(store.append(meeting, finalEntry(4))).rejects.toThrow('closed');
      await expect(store.read(meeting, 0, 10)).rejects.toThrow('closed');
    },
};

export const logContract = { contract, stageOn };
