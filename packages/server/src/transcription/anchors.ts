/** Where audio stands on the meeting's clock, where some of it went past. Pure. */

/** From this much audio on, its time is this much behind the meeting's. */
export interface Anchor {
  readonly streamMs: number;
  readonly offsetMs: number;
}

/** In order; the first one is at 0. */
export type Anchors = readonly Anchor[];

/** The meeting's time at which a word that starts at `streamMs` starts. */
export const startIn = (anchors: Anchors, streamMs: number): number =>
  streamMs + offsetOf(anchors, (anchor) => anchor.streamMs <= streamMs);

/** The meeting's time at which a word that ends at `streamMs` ends: what was skipped right after it is not part of it. */
export const endIn = (anchors: Anchors, streamMs: number): number =>
  streamMs + offsetOf(anchors, (anchor) => anchor.streamMs < streamMs);

/** Where audio went past, in milliseconds of what did not. */
export const holesIn = (anchors: Anchors): readonly number[] =>
  anchors.flatMap(({ streamMs }) => (streamMs > 0 ? [streamMs] : []));

/** How much of the audio stands before a meeting's time. */
export function streamMsAt(anchors: Anchors, ms: number): number {
  const index = anchors.findLastIndex(({ streamMs, offsetMs }) => streamMs + offsetMs <= ms);
  const anchor = anchors[index];
  if (!anchor) return 0;
  return Math.min(ms - anchor.offsetMs, anchors[index + 1]?.streamMs ?? Number.POSITIVE_INFINITY);
}

/** The anchors of the same audio without its first `fromMs`. */
export function anchorsFrom(anchors: Anchors, fromMs: number): Anchors {
  const moved = anchors.map(({ streamMs, offsetMs }) => ({
    streamMs: Math.max(0, streamMs - fromMs),
    offsetMs: offsetMs + fromMs,
  }));
  const first = moved.findLastIndex(({ streamMs }) => streamMs === 0);
  return moved.slice(Math.max(0, first));
}

const offsetOf = (anchors: Anchors, holds: (anchor: Anchor) => boolean): number =>
  (anchors.findLast(holds) ?? anchors[0])?.offsetMs ?? 0;
