/** What a meeting comes to when one of its sources is given back. Pure: every registry decides by it. */
import type { MeetingState } from './registry.ts';

/** A source as it is given back, and what is left of its meeting. Instants are of any one clock that only grows. */
export interface GivenBack {
  /** How many sources of the meeting are claimed still, sent or not. */
  readonly claimed: number;
  /** Whether its sender has said that no more audio comes. */
  readonly isFinalized: boolean;
  /** When its sender was gone; undefined if it was there until now. */
  readonly goneAt: number | undefined;
  /** When a source of the meeting was last finalized; 0 if none was. */
  readonly finalizedAt: number;
}

export function meetingStateAfter({ claimed, isFinalized, goneAt, finalizedAt }: GivenBack): MeetingState {
  if (claimed > 0) return 'ongoing';
  // Whoever was gone when another one finalized has not kept the meeting from its end, but only held it up.
  const isOver = isFinalized || (goneAt !== undefined && finalizedAt > goneAt);
  return isOver ? 'ended' : 'idle';
}
