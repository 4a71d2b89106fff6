/** Where logs live: the contract of every store. */
import type { LogEntry, LoggedEvent, Source } from '@meetcast/protocol';
import type { MeetingRef } from '../meeting.ts';

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
}

/**
 * Keeps each meeting's ordered log. The log is the truth: what is in it was said, once, in that order.
 *
 * - `append` is the only place a `seq` is born: 1, 2, 3 … per meeting and epoch, without holes. When it resolves the
 *   entry is kept. With a `reach` it moves the source's coverage in the same step, or throws `StaleFenceError` and
 *   changes nothing. A final whose `segment_no` is already there is not added again: the entry there is the answer.
 * - `read` gives the entries after a seq, in order, at most `limit`; an empty page is the end.
 * - `head` of a meeting nobody wrote to is seq 0 of the epoch its first entry will have.
 * - `cover` moves a source's fence and coverage up, never down, and answers with the coverage.
 * - `ping` rejects while the store cannot be written.
 */
export interface Store {
  append(meeting: MeetingRef, entry: LogEntry, reach?: Reach): Promise<Logged>;
  read(meeting: MeetingRef, after: number, limit: number): Promise<LogPage>;
  head(meeting: MeetingRef): Promise<Head>;
  cover(meeting: MeetingRef, reach: Reach): Promise<number>;
  covered(meeting: MeetingRef, source: Source): Promise<number>;
  ping(): Promise<void>;
  close(): Promise<void>;
}
