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

/**
 * Where to go on when the hub asks for the audio from `resumeFromMs`. Without an anchor, which is to say at first or in a
 * new log, the first kept frame stands there; also when the position is one this sender never had, or has let go.
 */
export function resumption(
  anchor: Anchor | undefined,
  kept: { start: number; end: number },
  sampleRate: number,
  resumeFromMs: number,
): Resumption {
  const anew = { anchor: { frame: kept.start, ms: resumeFromMs }, from: kept.start };
  if (!anchor) return anew;
  const from = frameAt(anchor, sampleRate, resumeFromMs);
  if (from < kept.start) return anew;
  if (from <= kept.end) return { anchor, from };
  // Less than a millisecond beyond the end is the end, in a hub that counts whole milliseconds.
  return from - kept.end <= sampleRate / 1000 ? { anchor, from: kept.end } : anew;
}
