/** Where logs live, and where transcripts are listed, searched and forgotten: the contract of every store. */
import type { LogEntry, LoggedEvent, Source, TranscriptFinal } from '@meetcast/protocol';
import type { MeetingRef } from '../lib/meeting.ts';

/** A place in a meeting's log. Another epoch is another log. */
export interface Position {
  readonly epoch: string;
  /** 0 before the first entry. */
  readonly seq: number;
}

/** The end of a log, and the highest `segment_no` in it (0 if none). */
export interface Head extends Position {
  readonly segmentNo: number;
}

export interface Logged {
  readonly epoch: string;
  readonly event: LoggedEvent;
}

export interface LogPage {
  readonly epoch: string;
  readonly events: readonly LoggedEvent[];
}

/** How far the stored words of a source reach, said by the holder of its ingest claim. */
export interface Reach {
  readonly source: Source;
  /** The claim's number; a store refuses a lower one than it has seen for this source. */
  readonly fence: number;
  /** Milliseconds on the meeting's clock. */
  readonly coveredMs: number;
  /** Whose audio follows, said when its place is taken. */
  readonly session?: string;
}

/** Who sent a source last, and from where on its clock nobody else has sent it. */
export interface LastSession {
  readonly session: string;
  readonly fromMs: number;
}

/** A meeting in a list. Instants are RFC 3339. */
export interface MeetingInfo extends Position {
  readonly id: string;
  readonly title: string | undefined;
  readonly startedAt: string;
  /** When its last `ended` was logged; undefined while it goes on. */
  readonly endedAt: string | undefined;
  readonly languages: readonly string[];
  readonly sources: readonly Source[];
}

/** A page of a list: what it begins after, as an earlier page's `next` said it, and how much it holds. */
export interface PageRequest {
  readonly after: string | undefined;
  readonly limit: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; undefined on the last page. */
  readonly next: string | undefined;
}

/** A final that has every term of a query. */
export interface SearchHit {
  readonly meeting: string;
  readonly final: TranscriptFinal;
}

/** What is taken back: one segment, or everything said in a stretch of the meeting's clock. */
export type Retraction =
  | { readonly segmentNo: number }
  | { readonly startMs: number; readonly endMs: number; readonly source?: Source };

/** A word of a final. Milliseconds on the meeting's clock. */
export interface TimedWord {
  readonly text: string;
  readonly start_ms: number;
  readonly end_ms: number;
}

/** What goes with an entry into the log. */
export interface AppendOptions {
  /** Moves a source's coverage in the same step. */
  readonly reach?: Reach | undefined;
  /** The only log that the entry is for. */
  readonly epoch?: string | undefined;
  /** What the recognizer itself said for it. */
  readonly raw?: string | undefined;
  /** The words of a final with their times, so that it does not go whole when some of them were taken back. */
  readonly words?: readonly TimedWord[] | undefined;
}

/**
 * Keeps each meeting's ordered log. The log is the truth: what is in it was said, once, in that order.
 *
 * - `append` is the only place a `seq` is born: 1, 2, 3 … per meeting and epoch, without holes. When it resolves the
 *   entry is kept. With a `reach` it moves the source's coverage in the same step, or throws `StaleFenceError` and
 *   changes nothing. A final whose `segment_no` is already there is not added again: the entry there is the answer,
 *   and if that is another utterance the coverage stays where it is (see utterance.ts).
 * - An entry it can never take it refuses with `EntryRefusedError`.
 * - `raw` is what the recognizer itself said for an entry, if it came with it and the store was opened with `keepRaw`.
 * - `read` gives the entries after a seq, in order, at most `limit`; an empty page is the end.
 * - `head` of a meeting nobody wrote to is seq 0 of the epoch its first entry will have.
 * - With an `epoch` `append` and `cover` are for that log only: on any other they throw `StaleEpochError` and change
 *   nothing.
 * - `cover` moves a source's fence and coverage up, never down, and answers with the coverage.
 * - `lastSession` is the one that `cover` was given last for a source, from the coverage at which it took the place of
 *   another one, or at which it began before anything of it was covered. A source that was ever moved before a session was said has none.
 * - `transcript` is `read` of the finals that stand: without those that another final `revises`, or that were retracted.
 * - `meetings` are a tenant's with at least one entry, newest first. `search` finds standing finals that have every
 *   term (see search-terms.ts), newest meeting first, in one meeting or in all of a tenant's.
 * - `retract` appends the retraction and leaves, where text was, entries of the same `seq` without any: after it the
 *   text is in no row. It takes what it names, what that revises and what revises it. It holds for what comes later as
 *   well: of a final that `append` is given it keeps the `words` outside every retracted stretch, and leaves an entry
 *   without text if there are none or their times are not known, or if its segment, or the one it revises, is gone. `forget` removes a meeting whole; its next entry is seq 1 of another epoch.
 * - `ping` rejects while the store cannot be written.
 */
export interface Store {
  append(meeting: MeetingRef, entry: LogEntry, options?: AppendOptions): Promise<Logged>;
  read(meeting: MeetingRef, after: number, limit: number): Promise<LogPage>;
  head(meeting: MeetingRef): Promise<Head>;
  cover(meeting: MeetingRef, reach: Reach, epoch?: string): Promise<number>;
  covered(meeting: MeetingRef, source: Source): Promise<number>;
  lastSession(meeting: MeetingRef, source: Source): Promise<LastSession | undefined>;
  raw(meeting: MeetingRef, seq: number): Promise<string | undefined>;
  transcript(meeting: MeetingRef, after: number, limit: number): Promise<readonly TranscriptFinal[]>;
  meeting(meeting: MeetingRef): Promise<MeetingInfo | undefined>;
  meetings(tenant: string, page: PageRequest): Promise<Page<MeetingInfo>>;
  search(
    where: { tenant: string; id?: string },
    terms: readonly string[],
    page: PageRequest,
  ): Promise<Page<SearchHit>>;
  retract(meeting: MeetingRef, what: Retraction, ts: string): Promise<Logged>;
  forget(meeting: MeetingRef): Promise<boolean>;
  ping(): Promise<void>;
  close(): Promise<void>;
}
