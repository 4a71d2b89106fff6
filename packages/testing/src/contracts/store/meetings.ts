/** The meetings of every Store: what their entries say about them, newest first. */
import type { LogEntry } from '@meetcast/protocol';
import { expect } from 'vitest';
import { finalEntry, statusEntry } from '../entries.ts';
import type { Contract } from '../follow.ts';
import type { StoreStage } from './opened.ts';

const at = (minute: number) => `2026-03-02T09:${String(minute).padStart(2, '0')}:00.000Z`;

const status = (word: string, minute: number, details?: Record<string, unknown>): LogEntry =>
  ({ ...statusEntry(word), ts: at(minute), ...(details ? { details } : {}) }) as LogEntry;

const stageOn = (on: StoreStage) => ({ on });

const contract: Contract<ReturnType<typeof stageOn>> = {
  '[STORE40] a meeting says when it began, what it is called, which languages and sources it has': async ({
    on,
  }) => {
    const { store, meeting } = on;
    expect(await store.meeting(meeting)).toBeUndefined();
    await store.append(meeting, status('live', 1, { title: 'Stand-up' }));
    await store.append(meeting, finalEntry(1, { meta: { source: 'mic', language: 'tr' } }));
    await store.append(meeting, finalEntry(2, { meta: { source: 'system', language: 'en' } }));
    const { epoch } = await store.append(meeting, finalEntry(3, { meta: { source: 'mic', language: 'tr' } }));
    expect(await store.meeting(meeting)).toEqual({
      id: meeting.id,
      epoch,
      seq: 4,
      title: 'Stand-up',
      startedAt: at(1),
      endedAt: undefined,
      languages: ['tr', 'en'],
      sources: ['mic', 'system'],
    });
  },

  '[STORE41] the newest title is the title': async ({ on }) => {
    await on.store.append(on.meeting, status('live', 1, { title: 'Untitled' }));
    await on.store.append(on.meeting, status('live', 2, { title: 'Budget' }));
    await on.store.append(on.meeting, status('idle', 3, { title: 7 }));
    expect(await on.store.meeting(on.meeting)).toMatchObject({ title: 'Budget' });
  },

  '[STORE42] a meeting ends with its last "ended", and not when it goes live again': async ({ on }) => {
    const endedAt = async (word: string, minute: number) => {
      await on.store.append(on.meeting, status(word, minute));
      return (await on.store.meeting(on.meeting))?.endedAt;
    };
    expect(await endedAt('live', 1)).toBeUndefined();
    expect(await endedAt('ended', 2)).toBe(at(2));
    expect(await endedAt('summarizing', 3)).toBe(at(2));
    expect(await endedAt('live', 4)).toBeUndefined();
    expect(await endedAt('ended', 5)).toBe(at(5));
    expect((await on.store.meeting(on.meeting))?.startedAt).toBe(at(1));
  },

  '[STORE43] what is written at once is told as if it came one by one': async ({ on }) => {
    const entries = [
      status('live', 1, { title: 'A' }),
      finalEntry(1, { meta: { source: 'system', language: 'de' } }),
      status('ended', 2),
      status('live', 3, { title: 'B' }),
      finalEntry(2, { meta: { source: 'mic', language: 'fr' } }),
      status('ended', 4),
    ];
    await Promise.all(entries.map((entry) => on.store.append(on.meeting, entry)));
    expect(await on.store.meeting(on.meeting)).toMatchObject({
      seq: 6,
      title: 'B',
      startedAt: at(1),
      endedAt: at(4),
      languages: ['de', 'fr'],
      sources: ['system', 'mic'],
    });
  },

  '[STORE44] the meetings of a tenant come newest first, a page at a time, and of no other tenant': async ({
    on,
  }) => {
    const { tenant } = on.meeting;
    for (let number = 1; number <= 7; number += 1) {
      await on.store.append({ tenant, id: `m${number}` }, statusEntry('live'));
      await on.store.append({ tenant: `${tenant}-other`, id: `o${number}` }, statusEntry('live'));
    }
    await on.store.append({ tenant, id: 'm1' }, statusEntry('idle'));
    const pages: string[][] = [];
    let after: string | undefined;
    do {
      const { items, next } = await on.store.meetings(tenant, { after, limit: 3 });
      pages.push(items.map(({ id }) => id));
      after = next;
    } while (after !== undefined && pages.length < 9);
    expect(pages).toEqual([['m7', 'm6', 'm5'], ['m4', 'm3', 'm2'], ['m1']]);
  },

  '[STORE45] a page that ends with the last meeting has no next one': async ({ on }) => {
    const { tenant } = on.meeting;
    for (const id of ['a', 'b']) await on.store.append({ tenant, id }, statusEntry('live'));
    expect(await on.store.meetings(tenant, { after: undefined, limit: 2 })).toMatchObject({
      items: [{ id: 'b' }, { id: 'a' }],
      next: undefined,
    });
    expect(await on.store.meetings('nobody', { after: undefined, limit: 2 })).toEqual({
      items: [],
      next: undefined,
    });
  },

  '[STORE46] a meeting without an entry is not listed, though a claim covered it': async ({ on }) => {
    await on.store.cover(on.meeting, { source: 'mic', fence: 1, coveredMs: 5 });
    expect(await on.store.meeting(on.meeting)).toBeUndefined();
    expect((await on.store.meetings(on.meeting.tenant, { after: undefined, limit: 9 })).items).toEqual([]);
  },

  '[STORE47] the recognizer’s own words for an entry are not kept unless the store was opened for it':
    async ({ on }) => {
      const { event } = await on.store.append(on.meeting, finalEntry(1), { raw: '{"is_final":true}' });
      expect(await on.store.raw(on.meeting, event.seq)).toBeUndefined();
      const keeping = await on.open({ keepRaw: true });
      const second = await keeping.append(on.meeting, finalEntry(2), { raw: '{"is_final":true}' });
      await keeping.append(on.meeting, finalEntry(2), { raw: '{"again":true}' });
      expect(await keeping.raw(on.meeting, second.event.seq)).toBe('{"is_final":true}');
      expect(await keeping.raw(on.meeting, 99)).toBeUndefined();
      await keeping.close();
    },
};

export const meetingsContract = { contract, stageOn };
