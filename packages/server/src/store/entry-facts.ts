/** What a log entry says about its meeting and about other entries: the same for every store. Pure. */
import type { LogEntry, Retract, Source, TranscriptFinal } from '@meetcast/protocol';
import type { Retraction } from './store.ts';

export interface EntryFacts {
  readonly title: string | undefined;
  readonly language: string | undefined;
  readonly source: Source | undefined;
  /** `null`: the meeting goes on again. */
  readonly endedAt: string | null | undefined;
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
    segmentNo: isFinal ? entry.segment_no : undefined,
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

/** The entry that says what was taken back. */
export function retractionEntry(
  meetingId: string,
  what: Retraction,
  ts: string,
): LogEntry & { type: 'retract' } {
  const common = { type: 'retract' as const, meeting_id: meetingId, ts };
  if ('segmentNo' in what) return { ...common, segment_no: what.segmentNo };
  const { startMs, endMs, source } = what;
  return {
    ...common,
    start_ms: startMs,
    end_ms: endMs,
    ...(source === undefined ? {} : { meta: { source } }),
  };
}

/** What stands where a retracted final stood: its place in the order, and nothing of what was said. */
export const tombstoneOf = ({ seq, meeting_id, ts, segment_no }: TranscriptFinal): Retract => ({
  type: 'retract',
  seq,
  meeting_id,
  ts,
  segment_no,
});

/** A list with one more item, or the same list if it is there already. */
export const including = <T>(items: readonly T[], item: T | undefined): readonly T[] =>
  item === undefined || items.includes(item) ? items : [...items, item];
