/** Where audio stands on the meeting's clock, where some of it went past. Pure. */

/** From this much audio on, its time is this much behind the meeting's. */
export interface ClockOffset {
  readonly streamMs: number;
  readonly offsetMs: number;
}

/** In order; the first one is at 0, and audio went past where each further one begins. */
export type ClockOffsets = readonly ClockOffset[];

/** The meeting's time at which a word that starts at `streamMs` starts. */
export const startIn = (offsets: ClockOffsets, streamMs: number): number =>
  streamMs + offsetOf(offsets, (offset) => offset.streamMs <= streamMs);

/** The meeting's time at which a word that ends at `streamMs` ends: what was skipped right after it is not part of it. */
export const endIn = (offsets: ClockOffsets, streamMs: number): number =>
  streamMs + offsetOf(offsets, (offset) => offset.streamMs < streamMs);

/** How much of the audio stands before a meeting's time. */
export function streamMsAt(offsets: ClockOffsets, ms: number): number {
  const index = offsets.findLastIndex(({ streamMs, offsetMs }) => streamMs + offsetMs <= ms);
  const offset = offsets[index];
  if (!offset) return 0;
  return Math.min(ms - offset.offsetMs, offsets[index + 1]?.streamMs ?? Number.POSITIVE_INFINITY);
}

/** The offsets of the same audio without its first `fromMs`. */
export function offsetsFrom(offsets: ClockOffsets, fromMs: number): ClockOffsets {
  const moved = offsets.map(({ streamMs, offsetMs }) => ({
    streamMs: Math.max(0, streamMs - fromMs),
    offsetMs: offsetMs + fromMs,
  }));
  const first = moved.findLastIndex(({ streamMs }) => streamMs === 0);
  return moved.slice(Math.max(0, first));
}

const offsetOf = (offsets: ClockOffsets, holds: (offset: ClockOffset) => boolean): number =>
  (offsets.findLast(holds) ?? offsets[0])?.offsetMs ?? 0;
