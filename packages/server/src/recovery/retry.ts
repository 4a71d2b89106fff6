/** How long to wait before the next try. Pure. */

export interface RetryPolicy {
  /** The longest first wait; doubled after each further failure. */
  readonly minMs: number;
  /** The longest wait, while there is hope. */
  readonly maxMs: number;
  /** Failures in a row after which it is only probed whether the other side is back. */
  readonly failuresBeforeProbing: number;
  /** The longest wait between two probes; at least half of it. */
  readonly probeMs: number;
}

const isProbing = (failures: number, policy: RetryPolicy): boolean =>
  failures >= policy.failuresBeforeProbing;

/** Full jitter: anything below a ceiling that doubles. `failures` in a row, the last one included. */
export function retryWaitMs(failures: number, policy: RetryPolicy, random: () => number): number {
  if (isProbing(failures, policy)) return (policy.probeMs * (1 + random())) / 2;
  return random() * Math.min(policy.maxMs, policy.minMs * 2 ** (failures - 1));
}
