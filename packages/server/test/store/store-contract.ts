/** Every Store passes this. A new adapter's test file is one call. */
import { describe } from 'vitest';
import { logContract } from './log-contract.ts';
import { meetingsContract } from './meetings-contract.ts';
import type { Open } from './opened.ts';
import { type HasText, removalContract } from './removal-contract.ts';
import { retractionContract } from './retraction-contract.ts';
import { searchContract } from './search-contract.ts';
import { transcriptContract } from './transcript-contract.ts';

/** `hasText` looks for a text in everything the store keeps. */
export function storeContract(open: Open, hasText: HasText): void {
  describe('log', () => logContract(open));
  describe('transcript', () => transcriptContract(open));
  describe('meetings', () => meetingsContract(open));
  describe('search', () => searchContract(open));
  describe('removal', () => removalContract(open, hasText));
  describe('retraction', () => retractionContract(open, hasText));
}
