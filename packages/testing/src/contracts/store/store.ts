/** The contract of every Store. A new adapter's test file is one call. */
import { describe } from 'vitest';
import { logContract } from './log.ts';
import { meetingsContract } from './meetings.ts';
import { followStore, type HasText, type OpenStore } from './opened.ts';
import { removalContract } from './removal.ts';
import { retractionContract } from './retraction.ts';
import { searchContract } from './search.ts';
import { transcriptContract } from './transcript.ts';

export interface StoreContractOptions {
  /** Looks for a text in everything the store keeps: what was taken back has to be gone from it. Default: nowhere to look. */
  readonly hasText?: HasText;
}

/**
 * `open` gives a store that is ready to be written, with the recognizer's own words kept if it is asked to; it may share
 * a database with the one before. It is closed after each test.
 */
export function storeContract(
  name: string,
  open: OpenStore,
  { hasText = async () => false }: StoreContractOptions = {},
): void {
  const bench = { open, hasText };
  const keeping = { ...bench, keepRaw: true };
  describe(name, () => {
    followStore('log', logContract, bench);
    followStore('transcript', transcriptContract, bench);
    followStore('meetings', meetingsContract, bench);
    followStore('search', searchContract, bench);
    followStore('removal', removalContract, keeping);
    followStore('retraction', retractionContract, keeping);
  });
}
