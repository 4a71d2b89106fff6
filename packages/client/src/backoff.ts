/** How long to wait before coming back. */
import { type Backoff, backoffMs, type Retry } from '@meetcast/protocol';

export const defaultBackoff: Backoff = Object.freeze({ minMs: 1_000, maxMs: 10_000 });

/** The wait after a close with this policy, when `failures` connections in a row have failed, this one included. */
export function retryWaitMs(
  retry: Exclude<Retry, 'never'>,
  failures: number,
  backoff: Backoff,
  random: () => number,
): number {
  if (retry === 'later') return backoffMs(Number.POSITIVE_INFINITY, backoff, { random });
  if (retry === 'backoff') return backoffMs(failures, backoff, { random });
  // Another token may be tried at once, but a hub that refuses every token must not be hammered.
  return failures === 1 ? 0 : backoffMs(failures - 1, backoff, { random });
}
