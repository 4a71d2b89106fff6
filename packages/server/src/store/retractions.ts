/** What a retraction takes, of what a log holds and of what comes later: the same for every store. Pure. */
import {
  isRetracted,
  type LogEntry,
  type LoggedEvent,
  reachesInto,
  type TranscriptFinal,
} from '@meetcast/protocol';
import { present } from '../lib/present.ts';
import type { Retraction, TimedWord } from './store.ts';

type FinalEntry = Extract<LogEntry, { type: 'transcript.final' }>;
export type RetractEntry = Extract<LogEntry, { type: 'retract' }>;

/** The finals that are taken back: what a retraction names, what that revises and what revises it, however far. */
export function finalsMeant(finals: readonly TranscriptFinal[], what: RetractEntry): TranscriptFinal[] {
  const neighbours = new Map<number, number[]>();
  const link = (from: number, to: number) => neighbours.set(from, [...(neighbours.get(from) ?? []), to]);
  for (const { segment_no, revises } of finals) {
    if (revises === undefined) continue;
    link(segment_no, revises);
    link(revises, segment_no);
  }
  const meant = new Set(
    finals.filter((final) => isRetracted(final, what)).map(({ segment_no }) => segment_no),
  );
  // A set that grows while it is walked is walked to its end.
  for (const segmentNo of meant) for (const other of neighbours.get(segmentNo) ?? []) meant.add(other);
  return finals.filter(({ segment_no }) => meant.has(segment_no));
}

/** The entry that says what was taken back. `meant`: the finals that it takes. */
export function retractionEntry(
  { meetingId, ts }: { readonly meetingId: string; readonly ts: string },
  what: Retraction,
  meant: readonly TranscriptFinal[] = [],
): RetractEntry {
  const entry = named({ type: 'retract', meeting_id: meetingId, ts }, what);
  const revisions = meant.filter((final) => !isRetracted(final, entry)).map(({ segment_no }) => segment_no);
  return revisions.length === 0 ? entry : { ...entry, revisions };
}

function named(common: RetractEntry, what: Retraction): RetractEntry {
  if ('segmentNo' in what) return { ...common, segment_no: what.segmentNo };
  const { startMs, endMs, source } = what;
  const stretch = { ...common, start_ms: startMs, end_ms: endMs };
  return source === undefined ? stretch : { ...stretch, meta: { source } };
}

/** Whether an entry is this retraction, which an earlier try may have made. */
export function isSameRetraction(event: LoggedEvent, entry: RetractEntry): boolean {
  if (event.type !== 'retract') return false;
  const { seq: _seq, revisions: _revisions, ...there } = event;
  return JSON.stringify(there) === JSON.stringify(entry);
}

/** What stands in the place of a retracted final: when and by whom something was said, and nothing of what. */
export function tombstoneOf<T extends FinalEntry>({
  meeting_id,
  ts,
  segment_no,
  start_ms,
  end_ms,
  meta,
}: T): RetractEntry {
  const channel = meta?.channel;
  const about = present({
    source: meta?.source,
    channel: typeof channel === 'number' ? channel : undefined,
  });
  const place = { type: 'retract' as const, meeting_id, ts, segment_no, start_ms, end_ms };
  return Object.keys(about).length === 0 ? place : { ...place, meta: about };
}

/** Whether it stands in the place of a final. */
export const isTombstone = ({ segment_no, start_ms }: RetractEntry): boolean =>
  segment_no !== undefined && start_ms !== undefined;

/** What a log says of what was taken back from it. */
export interface TakenBack {
  /** Its retractions, without the entries in the places of finals. */
  readonly retractions: readonly RetractEntry[];
  /** Whether the text of a segment is gone. */
  isGone(segmentNo: number): boolean;
}

/**
 * An entry as it may be kept: without the words that were taken back before they came. Without the times of its words a
 * final is taken back whole.
 */
export function asKept(
  entry: LogEntry,
  words: readonly TimedWord[],
  { retractions, isGone }: TakenBack,
): LogEntry {
  if (entry.type !== 'transcript.final') return entry;
  const meant = retractions.filter((retraction) => isRetracted(entry, retraction));
  const isGoneWhole = meant.some(
    ({ segment_no, revisions }) => segment_no !== undefined || revisions?.includes(entry.segment_no),
  );
  if (isGoneWhole || (entry.revises !== undefined && isGone(entry.revises))) return tombstoneOf(entry);
  return meant.length === 0 ? entry : withoutWords(entry, words, meant);
}

function withoutWords(
  entry: FinalEntry,
  words: readonly TimedWord[],
  stretches: readonly RetractEntry[],
): LogEntry {
  const left = words.filter((word) => !stretches.some((stretch) => reachesInto(word, stretch)));
  const [first, last] = [left[0], left.at(-1)];
  if (!first || !last) return tombstoneOf(entry);
  if (left.length === words.length) return entry;
  const text = left.map(({ text }) => text).join(' ');
  return { ...entry, text, start_ms: Math.round(first.start_ms), end_ms: Math.round(last.end_ms) };
}
