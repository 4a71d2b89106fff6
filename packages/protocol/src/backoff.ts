/** How long to wait before the next try: what a close code's `backoff` asks of a client, and good for anyone else. Pure. */

export interface Backoff {
  /** The ceiling of the first wait; it doubles with each further failure. */
  readonly minMs: number;
  /** The ceiling of the longest wait. */
  readonly maxMs: number;
}

export interface Chance {
  /** How much of a wait is left to chance: 0 nothing, 1 all of it. Default 0.5: spread enough for a deploy, never in haste. */
  readonly jitter?: number;
  /** From 0 up to 1. */
  readonly random?: () => number;
}

/** The wait after `failures` in a row, the last one included, in whole milliseconds. Infinity gives the longest. */
export function backoffMs(
  failures: number,
  { minMs, maxMs }: Backoff,
  { jitter = 0.5, random = Math.random }: Chance = {},
): number {
  const ceilingMs = Math.min(maxMs, minMs * 2 ** (failures - 1));
  return Math.round(ceilingMs * (1 - jitter * (1 - random())));
}
