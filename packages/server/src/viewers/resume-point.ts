/** Where a reader begins in a meeting's log. Pure. */
import type { Head } from '../store/store.ts';

/** After a place it knows, or with so much of the past. */
export type ResumePoint =
  | { readonly kind: 'resume'; readonly since: number; readonly epoch: string | undefined }
  | { readonly kind: 'history'; readonly entries: number };

/** Where to begin, and whether that is everything that was asked for. Never a partial recovery. */
export function resumeAt(
  start: ResumePoint,
  head: Head,
  historyEntries: number,
): { sent: number; recovered: boolean | null } {
  if (start.kind === 'history') {
    return { sent: Math.max(0, head.seq - Math.min(start.entries, historyEntries)), recovered: null };
  }
  // A reader that has nothing of any log has everything of a new one before it.
  const isSameLog = start.since === 0 || start.epoch === undefined || start.epoch === head.epoch;
  if (isSameLog && start.since <= head.seq) return { sent: start.since, recovered: true };
  return { sent: head.seq, recovered: false };
}
