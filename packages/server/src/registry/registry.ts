/** Who is connected, in the whole cluster: the contract of every registry. */
import type { Source } from '@meetcast/protocol';
import type { MeetingRef } from '../lib/meeting.ts';
import type { Remote } from '../lib/remote.ts';

/** How much of a source one node has heard, in one log. Milliseconds. */
export interface AudioNote {
  readonly source: Source;
  readonly epoch: string;
  readonly receivedMs: number;
  readonly forwardedMs: number;
  readonly coveredMs: number;
  /** Where on the meeting's clock the last sample stood. */
  readonly positionMs: number;
}

/** What a meeting comes to when one of its sources is given back: with the last one it idles, or ends. */
export type MeetingState = 'ongoing' | 'idle' | 'ended';

/** The right to send one source of a meeting. */
export interface Claim {
  readonly kind: 'claim';
  /** Higher than that of every earlier claim of this source; stores refuse lower ones. */
  readonly fence: number;
  /** Whether the source had a claim that its node did not give back: see `OrphanedClaim`. Default false. */
  readonly wasOrphaned?: boolean;
  /** Aborts when the same session claims again elsewhere. */
  readonly lost: AbortSignal;
  /** Aborts when somebody who is not let in waits for this claim, whose sender is gone, to be given back. */
  readonly wanted: AbortSignal;
  /** The sender is gone and only its last words are on their way: a newcomer should wait rather than give up. */
  markDraining(): Promise<void>;
  /** Nobody sends, but the sender may come back: the source stays claimed, and a newcomer should still wait. */
  markVacant(): Promise<void>;
  /** Lets the other nodes know, now and then, what this node has heard of the source so far. */
  note(audio: Omit<AudioNote, 'source'>): void;
  /**
   * Gives the claim back. The meeting goes on while any of its sources is claimed, vacant or not. With the last one it
   * ends if that one has `finalized`, or another one has since this one's sender was gone; otherwise it idles.
   */
  release(how?: 'finalized'): Promise<MeetingState>;
}

/** Segment numbers of one meeting for one source. */
export interface Numbering {
  /** The next one, at once, whether or not the registry can be reached. They rise, and may leave numbers out. */
  next(): number;
}

export interface ClaimOptions {
  /** The fence is to be above this one. */
  readonly above?: number | undefined;
  /** The same session begins anew: like a newcomer it waits for the last words of a claim that drains or is vacant. */
  readonly isAnew?: boolean;
}

/** Somebody else sends this source. */
export interface Held {
  readonly kind: 'held';
  /** Whether it is worth waiting for: the claim drains, or is vacant. */
  readonly draining: boolean;
}

/** A claim that its node did not give back: its lease is over, for the node has died, or is isolated. */
export interface OrphanedClaim {
  readonly meeting: MeetingRef;
  readonly source: Source;
  readonly fence: number;
  /** This node gave it back itself, while it was isolated: nobody is waited for, and nothing is missing. Default false. */
  readonly isHeardOut?: boolean;
  /**
   * Gives it back in that node's place, as `Claim.release` does; for a node that finalized nothing. Undefined if the
   * source was claimed, renewed or given back meanwhile.
   */
  release(): Promise<MeetingState | undefined>;
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
  /** Those whose claims are vacant. */
  readonly vacant: readonly Source[];
  /** What other nodes have heard, those that are gone too: at most one note per node and source. */
  readonly elsewhere: readonly AudioNote[];
}

export interface HubCounts {
  /** Those with a viewer, or a source that is being sent. */
  readonly meetings: number;
  readonly subscribers: number;
  /** Sources that are being sent now. */
  readonly ingests: number;
}

/**
 * Counts and excludes, in the whole cluster.
 *
 * - One claim per (meeting, source). The session that holds it may claim it again: the older claim is lost, and its
 *   fence is lower. A fence is above every earlier one of the source that the registry knows of, and above `above`.
 * - A claim that drains or is vacant excludes like any other, until it is given back: whoever asks for it in vain is
 *   told that it drains, and its holder, on whichever node, that it is wanted.
 * - At most `seats` viewers of a meeting at a time.
 * - No number of `nextSegmentNo` or of a `numbering` comes twice for a meeting, and none is below `atLeast`.
 * - What a node holds is free again within a lease after the node died. Its claims still keep their meetings from being
 *   over, until somebody else has claimed them, or given them back: see `watchOrphaned`.
 * - A registry that is isolated decides alone, by what its node holds; joined again, the highest fence of a source wins
 *   and the others are lost. The store's fence decides who may write meanwhile.
 * - Releasing twice is the same as once; releasing a lost claim takes nothing from its successor.
 */
export interface Registry {
  claim(meeting: MeetingRef, source: Source, session: string, options?: ClaimOptions): Promise<Claim | Held>;
  seat(meeting: MeetingRef, connection: string, seats: number): Promise<Seat | Full>;
  counts(meeting: MeetingRef): Promise<MeetingCounts>;
  totals(): Promise<HubCounts>;
  nextSegmentNo(meeting: MeetingRef, atLeast: number): Promise<number>;
  /** For whoever numbers one utterance after another, as the recognizer says them. */
  numbering(meeting: MeetingRef, atLeast: number): Promise<Numbering>;
  /**
   * Tells of orphaned claims, of each only this node; after `againMs` it is told again, here or elsewhere,
   * if that is still so. The returned function ends it. For a registry that outlives its nodes; whoever wraps one passes it on.
   */
  watchOrphaned?(againMs: number, onOrphaned: (orphan: OrphanedClaim) => void): () => void;
  close(): Promise<void>;
  /** Whether it reaches other nodes; a registry for one node has none. */
  readonly remote?: Remote;
}
