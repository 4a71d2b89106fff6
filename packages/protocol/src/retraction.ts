/** Which words a retraction means: one rule for logs, for screens, and for what is still being said. Pure. */
import type { Meta, Retract } from './events.ts';

/** Milliseconds on the meeting's clock. A side that is left out is open. */
export interface Stretch {
  readonly start_ms?: number | undefined;
  readonly end_ms?: number | undefined;
}

/** What a retraction has to know of a partial or final. */
export interface SpokenWords {
  readonly segment_no: number;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly revises?: number | undefined;
  readonly meta?: Meta | undefined;
}

/** Whether some of what was said is in a stretch. What takes no time is in the stretches that it touches. */
export function reachesInto(words: { readonly start_ms: number; readonly end_ms: number }, stretch: Stretch) {
  const { start_ms: from = 0, end_ms: to = Number.POSITIVE_INFINITY } = stretch;
  const overlaps = words.start_ms < to && words.end_ms > from;
  return overlaps || (words.start_ms >= from && words.end_ms <= to);
}

/** Whether a retraction means these words. One that names a segment means its revisions too, as far as it knows them. */
export function isRetracted(words: SpokenWords, retract: Omit<Retract, 'seq'>): boolean {
  const { segment_no, start_ms, end_ms, meta, revisions } = retract;
  if (revisions?.includes(words.segment_no)) return true;
  if (segment_no !== undefined) return words.segment_no === segment_no || words.revises === segment_no;
  if (start_ms === undefined && end_ms === undefined) return false;
  const isItsSource = meta?.source === undefined || meta.source === words.meta?.source;
  return isItsSource && reachesInto(words, { start_ms, end_ms });
}
