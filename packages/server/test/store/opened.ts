/** A store and names nobody used before, for each test of a contract. */
import { afterEach, beforeEach } from 'vitest';
import type { MeetingRef } from '../../src/lib/meeting.ts';
import type { Store } from '../../src/store/store.ts';
import { freshMeeting } from '../support/entries.ts';

/** Gives a store that is ready to be written; it may share a database with the one before. */
export type Open = (options?: { readonly keepRaw?: boolean }) => Promise<Store>;

export interface Opened {
  store: Store;
  /** A meeting of a tenant of its own. */
  meeting: MeetingRef;
}

/** Filled before each test; the store is closed after it. */
export function opened(open: Open, options?: { readonly keepRaw?: boolean }): Opened {
  const filled = {} as Opened;
  beforeEach(async () => {
    const { id } = freshMeeting();
    filled.store = await open(options);
    filled.meeting = { tenant: `tenant-${id}`, id };
  });
  afterEach(() => filled.store.close());
  return filled;
}
