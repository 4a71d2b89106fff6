/** What a log entry says about its meeting and about other entries: the same for every store. Pure. */
import type { LogEntry, LoggedEvent, Source } from '@meetcast/protocol';
import { StaleEpochError, StaleFenceError } from '../lib/errors.ts';
import { isTombstone } from './retractions.ts';
import type { LastSession, Reach } from './store.ts';
import { isSameUtterance } from './utterance.ts';

export interface EntryFacts {
  readonly title: string | undefined;
  readonly language: string | undefined;
  readonly source: Source | undefined;
  /** `null`: the meeting goes on again. */
  readonly endedAt: string | null | undefined;
  /** Of a final, or of what stands in its place. */
  readonly segmentNo: number | undefined;
  readonly revises: number | undefined;
}

export function factsOf(entry: LogEntry): EntryFacts {
  const isFinal = entry.type === 'transcript.final';
  return {
    title:
      entry.type === 'status' && typeof entry.details?.title === 'string'
        ? plain(entry.details.title)
        : undefined,
    language: isFinal ? entry.meta?.language : undefined,
    source: isFinal ? entry.meta?.source : undefined,
    endedAt: endedBy(entry),
    segmentNo: isFinal || (entry.type === 'retract' && isTombstone(entry)) ? entry.segment_no : undefined,
    revises: isFinal ? entry.revises : undefined,
  };
}

/** Without the one character that databases refuse, or end a text at. */
export const plain = (text: string): string => text.replaceAll('\0', '');

function endedBy(entry: LogEntry): string | null | undefined {
  if (entry.type !== 'status') return undefined;
  if (entry.status === 'ended') return entry.ts;
  return entry.status === 'live' || entry.status === 'recovered' ? null : undefined;
}

/** How far an append moves its source: what is not kept, for its number names another utterance, is not covered. */
export function reachFor(reach: Reach, entry: LogEntry | undefined, there: LoggedEvent | undefined): Reach {
  const isKept = !entry || !there || isSameUtterance(entry, there);
  return isKept ? reach : { ...reach, coveredMs: 0 };
}

/** `wanted`: the only log a write is for, if it is for one only. */
export function checkEpoch(epoch: string, wanted: string | undefined): void {
  if (wanted === undefined || wanted === epoch) return;
  throw new StaleEpochError(`the log ${wanted} no longer exists; the meeting's log is ${epoch}`);
}

/** How far a source is stored, by whom. */
export interface Coverage {
  readonly fence: number;
  readonly coveredMs: number;
  readonly last: LastSession | undefined;
}

/** A source's coverage after a reach; throws a StaleFenceError for one of a claim that was replaced. */
export function coverageAfter(before: Coverage | undefined, reach: Reach): Coverage {
  const { source, fence, session } = reach;
  if (before && fence < before.fence) {
    throw new StaleFenceError(`claim ${fence} of ${source} was replaced by ${before.fence}`, before.fence);
  }
  const coveredMs = Math.max(before?.coveredMs ?? 0, Math.floor(reach.coveredMs));
  return { fence, coveredMs, last: lastSessionAfter(before, session, coveredMs) };
}

/** Who sent a source last, after a reach. Where an earlier one is not known, nobody is. */
function lastSessionAfter(
  before: Coverage | undefined,
  session: string | undefined,
  coveredMs: number,
): LastSession | undefined {
  if (session === undefined || (before && !before.last)) return before?.last;
  const { last } = before ?? {};
  // One of which nothing is covered has yet to begin.
  const hasBegun = before && last?.session === session && before.coveredMs > last.fromMs;
  return hasBegun ? last : { session, fromMs: coveredMs };
}

/** A list with one more item, or the same list if it is there already. */
export const including = <T>(items: readonly T[], item: T | undefined): readonly T[] =>
  item === undefined || items.includes(item) ? items : [...items, item];
