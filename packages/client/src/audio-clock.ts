/** Which sample of this sender stands where on the meeting's clock. */

/** This frame of the sender stands at this millisecond of the meeting. */
export interface Anchor {
  frame: number;
  ms: number;
}

/** A position that a hub computed from a whole frame must come back as that frame, not as the one before. */
const rounding = 1e-6;

export function frameAt(anchor: Anchor, sampleRate: number, ms: number): number {
  return anchor.frame + Math.floor(((ms - anchor.ms) * sampleRate) / 1000 + rounding);
}

export interface Resumption {
  anchor: Anchor;
  /** The frame to send next. */
  from: number;
}

/** What a hub says of a sender's place, on the meeting's clock. */
export interface Asked {
  resumeFromMs: number;
  /** From where on nobody else has sent the source; not every hub knows. */
  sessionFromMs: number | undefined;
}

/**
 * Where to go on when the hub asks for the audio from a position. `sent` is behind the last frame that it can have got.
 * Without an anchor, which is to say at first or in a new log, the first kept frame stands there; also when the position is
 * one this sender has let go, or when another session has moved the clock since.
 */
export function resumption(
  noted: Anchor | undefined,
  { start, sent }: { start: number; sent: number },
  sampleRate: number,
  { resumeFromMs, sessionFromMs }: Asked,
): Resumption {
  const at = (frame: number) => ({ anchor: { frame, ms: resumeFromMs }, from: frame });
  // A session that was placed and does not know it began with its first frame.
  const began = sessionFromMs !== undefined && sessionFromMs < resumeFromMs;
  const anchor = noted ?? (began ? { frame: start, ms: sessionFromMs } : undefined);
  if (!anchor || (sessionFromMs !== undefined && sessionFromMs > anchor.ms)) return at(start);
  const from = frameAt(anchor, sampleRate, resumeFromMs);
  if (from < start) return at(start);
  if (from <= sent) return { anchor, from };
  // Less than a millisecond beyond the end is the end, in a hub that counts whole milliseconds.
  if (from - sent <= sampleRate / 1000) return { anchor, from: sent };
  // The hub has heard what is kept, and more that was not kept; unless it was another session's.
  return at(sessionFromMs === undefined ? start : sent);
}
