/** How long to wait before the next try. Pure. */
import { type Backoff, backoffMs } from '@meetcast/protocol';

/** Ceilings of the first and the longest wait, while there is hope. */
export interface RetryPolicy extends Backoff {
  /** Failures in a row after which it is only probed whether the other side is back. */
  readonly failuresBeforeProbing: number;
  /** The longest wait between two probes; at least half of it. */
  readonly probeMs: number;
}

/** `failures` in a row, the last one included. */
export function retryWaitMs(failures: number, policy: RetryPolicy, random: () => number): number {
  const { failuresBeforeProbing, probeMs } = policy;
  if (failures < failuresBeforeProbing) return backoffMs(failures, policy, { jitter: 1, random });
  return backoffMs(failures, { minMs: probeMs, maxMs: probeMs }, { random });
}
