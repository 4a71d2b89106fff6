/** The search of every Store: standing finals that have every term, in any language, of one tenant. */
import { queryTermsOf } from '@meetcast/server';
import { expect } from 'vitest';
import { finalEntry, statusEntry } from '../entries.ts';
import type { Contract } from '../follow.ts';
import type { StoreStage } from './opened.ts';

/** What somebody said, and what finds it. */
const said: [text: string, ...queries: string[]][] = [
  ['Sabah ışık çok güzeldi', 'ışık', 'IŞIK', 'Işık', 'isik'],
  ['TOPLANTIDA IŞIK SÖNDÜ', 'ışık', 'söndü', 'SONDU'],
  ['İstanbul’da görüşelim', 'istanbul', 'İSTANBUL', 'ISTANBUL'],
  ['Die Straße ist gesperrt', 'Straße', 'strasse', 'STRASSE', 'STRAẞE'],
  ['wir treffen uns in der strasse', 'Straße'],
  ["Nous partons l'été prochain", "l'été", 'été', 'ete', 'l’été', 'L’ÉTÉ'],
  ['Nous partons l’été prochain, aujourd’hui', "l'été", 'été', "aujourd'hui"],
  ['我们需要讨论明年的预算问题', '预算', '讨论', '年的预算', '预算问题', '预'],
  ['会議は明日の午後に始まります', '明日', '午後', '会議', '明日の午後'],
  ['ｶﾞｲﾄﾞﾗｲﾝを確認する', 'ガイドライン', '確認'],
  ['ناقشنا الميزانية اليوم في الاجتماع', 'الميزانية', 'اليوم', 'الاِجتماع'],
  ['วันนี้เราจะประชุมเรื่องงบประมาณ', 'งบประมาณ', 'ประชุม', 'วันนี้'],
  ['오늘 회의에서 예산을 논의했습니다', '오늘', '예산을'],
  ['Мы обсудили бюджет ещё вчера', 'БЮДЖЕТ', 'еще', 'ещё'],
  ['Η συνάντηση τελείωσε, όλος ο κόσμος έφυγε', 'κόσμος', 'ΚΟΣΜΟΣ', 'κοσμος'],
  ['don’t ship version 3.5 on Friday (e.g. now)', "don't", '3.5', 'FRIDAY'],
];

const page = { after: undefined, limit: 50 };

function stageOn(on: StoreStage) {
  const say = (segmentNo: number, text: string, of = on.meeting) =>
    on.store.append(of, finalEntry(segmentNo, { text }));
  const found = async (query: string, where: { tenant: string; id?: string } = on.meeting) =>
    (await on.store.search(where, queryTermsOf(query), page)).items.map(({ final }) => final.text);
  return { on, say, found };
}

const contract: Contract<ReturnType<typeof stageOn>> = {
  '[STORE50] a word is found in the texts that contain it, in any language and spelling': async ({
    say,
    found,
  }) => {
    await Promise.all(said.map(([text], index) => say(index + 1, text)));
    for (const [text, ...queries] of said) {
      for (const query of queries) {
        expect(await found(query), `"${query}" in "${text}"`).toContain(text);
      }
    }
  },

  '[STORE51] and in no other': async ({ say, found }) => {
    await Promise.all(said.map(([text], index) => say(index + 1, text)));
    expect(await found('预算')).toHaveLength(1);
    expect(await found('明日')).toHaveLength(1);
    expect(await found('算预')).toEqual([]);
    expect(await found('งบประมาณ')).toHaveLength(1);
    expect(await found('isi')).toEqual([]);
    expect(await found('الميزان')).toEqual([]);
    expect(await found('Straßen')).toEqual([]);
  },

  '[STORE52] a hit has every term, and is the final itself, with its meeting': async ({ on, say, found }) => {
    await say(1, 'the budget is approved');
    await say(2, 'the plan is approved');
    await on.store.append(on.meeting, statusEntry('live'));
    await say(3, 'approved: budget and plan');
    expect(await found('budget approved')).toEqual(['the budget is approved', 'approved: budget and plan']);
    expect(await found('APPROVED plan budget')).toEqual(['approved: budget and plan']);
    expect(await found('budget nobody')).toEqual([]);
    expect(await found('!?')).toEqual([]);
    const { items } = await on.store.search(on.meeting, ['plan', 'budget'], page);
    expect(items).toEqual([
      {
        meeting: on.meeting.id,
        final: { ...finalEntry(3, { text: 'approved: budget and plan' }), seq: 4 },
      },
    ]);
  },

  '[STORE53] a search stays in its tenant, and in its meeting if one is named': async ({
    on,
    say,
    found,
  }) => {
    const { tenant, id } = on.meeting;
    const other = { tenant, id: `${id}-2` };
    const foreign = { tenant: `${tenant}-other`, id };
    await say(1, 'budget of the first');
    await say(1, 'budget of the second', other);
    await say(1, 'budget of others', foreign);
    expect(await found('budget', { tenant })).toEqual(['budget of the second', 'budget of the first']);
    expect(await found('the budget', { tenant, id })).toEqual(['budget of the first']);
    expect(await found('the budget', other)).toEqual(['budget of the second']);
    expect(await found('budget', foreign)).toEqual(['budget of others']);
    expect(await found('budget', { tenant: foreign.tenant, id: other.id })).toEqual([]);
    expect(await found('budget', { tenant: '' })).toEqual([]);
  },

  '[STORE54] hits come newest meeting first, in each as they were said, page after page without a repeat':
    async ({ on, say }) => {
      const { tenant } = on.meeting;
      for (const id of ['a', 'b', 'c']) {
        await Promise.all(
          [1, 2, 3, 4].map((number) =>
            say(number, `common rare${number % 2} ${id}${number}`, { tenant, id }),
          ),
        );
      }
      for (const [terms, expected] of [
        [['common'], 'c1 c2 c3 c4 b1 b2 b3 b4 a1 a2 a3 a4'],
        [['rare1', 'common'], 'c1 c3 b1 b3 a1 a3'],
      ] as const) {
        for (const limit of [1, 2, 3, 5, 12]) {
          const texts: (string | undefined)[] = [];
          let after: string | undefined;
          do {
            const { items, next } = await on.store.search({ tenant }, terms, { after, limit });
            expect(items.length).toBeGreaterThan(0);
            texts.push(...items.map(({ final }) => final.text.split(' ').at(-1)));
            after = next;
          } while (after !== undefined);
          expect(texts.join(' ')).toBe(expected);
        }
      }
    },

  '[STORE55] a final that another one revises is not found, the other one is': async ({ on, say, found }) => {
    await say(1, 'recognise speech');
    await on.store.append(on.meeting, finalEntry(2, { text: 'wreck a nice speech', revises: 1 }));
    expect(await found('speech')).toEqual(['wreck a nice speech']);
    await Promise.all([
      say(3, 'first speech'),
      on.store.append(on.meeting, finalEntry(4, { text: 'last speech', revises: 3 })),
    ]);
    expect(await found('speech')).toEqual(['wreck a nice speech', 'last speech']);
  },

  '[STORE56] a final that is retried with another text is found by the first': async ({ say, found }) => {
    await say(1, 'as heard first');
    await say(1, 'as heard later');
    expect(await found('heard')).toEqual(['as heard first']);
    expect(await found('later')).toEqual([]);
  },

  '[STORE57] a word of any length is found': async ({ say, found }) => {
    const word = 'x'.repeat(5_000);
    await say(1, `so ${word} it is`);
    expect(await found(word)).toEqual([`so ${word} it is`]);
  },
};

export const searchContract = { contract, stageOn };
