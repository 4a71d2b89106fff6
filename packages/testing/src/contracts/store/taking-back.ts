/** What is taken back from a store, and what is left of it. */
import type { Retraction } from '@meetcast/server';
import { ts } from '../entries.ts';
import type { StoreStage } from './opened.ts';

export const page = { after: undefined, limit: 50 };

export function takingBack(on: StoreStage) {
  const { store, meeting, hasText } = on;
  const logged = async () => (await store.read(meeting, 0, 100)).events;
  return {
    on,
    logged,
    retract: (what: Retraction) => store.retract(meeting, what, ts),
    textsIn: async () => (await store.transcript(meeting, 0, 100)).map(({ text }) => text),
    typesIn: async () => (await logged()).map(({ type }) => type),
    /** A word that is nowhere else. */
    secret: (name: string) => `${name}${meeting.id.replaceAll('-', '')}`,
    async isGone(text: string): Promise<boolean> {
      const { items } = await store.search(meeting, [text], page);
      return items.length === 0 && !(await hasText(text));
    },
  };
}
