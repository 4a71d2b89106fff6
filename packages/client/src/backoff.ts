/** How long to wait before coming back. */
import type { Retry } from '@meetcast/protocol';

export interface Backoff {
  /** The ceiling of the first wait. */
  minMs: number;
  /** The ceiling of the longest wait. */
  maxMs: number;
}

export const defaultBackoff: Readonly<Backoff> = Object.freeze({ minMs: 1_000, maxMs: 10_000 });

/** Between half a ceiling and the whole of it: spread enough for a deploy, never so short that it hammers. */
const jittered = (ceilingMs: number, random: () => number): number =>
  Math.round((ceilingMs * (1 + random())) / 2);

/** The wait before attempt 1, 2, 3 …: jittered below a ceiling that doubles up to `maxMs`. */
export function backoffMs(attempt: number, backoff: Backoff, random: () => number): number {
  return jittered(Math.min(backoff.maxMs, backoff.minMs * 2 ** (attempt - 1)), random);
}

/** The wait after a close with this policy, when `failures` connections in a row have failed, this one included. */
export function retryWaitMs(
  retry: Exclude<Retry, 'never'>,
  failures: number,
  backoff: Backoff,
  random: () => number,
): number {
  if (retry === 'later') return jittered(backoff.maxMs, random);
  if (retry === 'backoff') return backoffMs(failures, backoff, random);
  // Another token may be tried at once, but a hub that refuses every token must not be hammered.
  return failures === 1 ? 0 : backoffMs(failures - 1, backoff, random);
}
