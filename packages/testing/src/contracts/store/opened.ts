/** A store and a meeting nobody used before, for each sentence of its contract. */
import type { MeetingRef, Store } from '@meetcast/server';
import { freshMeeting } from '../entries.ts';
import { type Contract, follow } from '../follow.ts';

/** Gives a store that is ready to be written; it may share a database with the one before. */
export type OpenStore = (options: { readonly keepRaw: boolean }) => Promise<Store> | Store;

/** Looks for a text in everything that is kept. */
export type HasText = (text: string) => Promise<boolean>;

export interface StoreStage {
  readonly store: Store;
  /** A meeting of a tenant of its own. */
  readonly meeting: MeetingRef;
  readonly open: OpenStore;
  readonly hasText: HasText;
}

/** What of a store a part of its contract is checked with. */
export interface StoreBench {
  readonly open: OpenStore;
  readonly hasText: HasText;
  /** Default: no. */
  readonly keepRaw?: boolean;
}

export function followStore<Stage>(
  part: string,
  { contract, stageOn }: { contract: Contract<Stage>; stageOn: (on: StoreStage) => Stage },
  { open, hasText, keepRaw = false }: StoreBench,
): void {
  follow(part, contract, async () => {
    const { id } = freshMeeting();
    const store = await open({ keepRaw });
    const stage = stageOn({ store, meeting: { tenant: `tenant-${id}`, id }, open, hasText });
    return { stage, close: () => store.close() };
  });
}
