/** Who is connected, in the whole cluster: the contract of every registry. */
import type { Source } from '@meetcast/protocol';
import type { MeetingRef } from '../meeting.ts';

/** The right to send one source of a meeting. */
export interface Claim {
  readonly kind: 'claim';
  /** Higher than that of every earlier claim of this source; stores refuse lower ones. */
  readonly fence: number;
  /** Aborts when the same session claims again elsewhere. */
  readonly lost: AbortSignal;
  /** The sender is gone and only its last words are on their way: a newcomer should wait rather than give up. */
  drain(): Promise<void>;
  /** Gives the claim back and says how many sources of the meeting are still claimed. */
  release(): Promise<number>;
}

/** Somebody else sends this source. */
export interface Held {
  readonly kind: 'held';
  readonly draining: boolean;
}

/** A viewer's place. */
export interface Seat {
  readonly kind: 'seat';
  release(): Promise<void>;
}

export interface Full {
  readonly kind: 'full';
}

export interface MeetingCounts {
  readonly subscribers: number;
  /** The sources that are being sent now. */
  readonly ingests: readonly Source[];
}

export interface HubCounts {
  readonly meetings: number;
  readonly subscribers: number;
  readonly ingests: number;
}

/**
 * Counts and excludes, in the whole cluster.
 *
 * - One claim per (meeting, source). The session that holds it may claim it again: the older claim is lost, and its
 *   fence is lower.
 * - At most `seats` viewers of a meeting at a time.
 * - `nextSegmentNo` never gives a number twice for a meeting, and none below `atLeast`.
 * - Releasing twice is the same as once; releasing a lost claim takes nothing from its successor.
 */
export interface Registry {
  claim(meeting: MeetingRef, source: Source, session: string): Promise<Claim | Held>;
  seat(meeting: MeetingRef, connection: string, seats: number): Promise<Seat | Full>;
  counts(meeting: MeetingRef): Promise<MeetingCounts>;
  totals(): Promise<HubCounts>;
  nextSegmentNo(meeting: MeetingRef, atLeast: number): Promise<number>;
  close(): Promise<void>;
}
