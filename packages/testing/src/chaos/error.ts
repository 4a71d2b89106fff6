/** A run that says nothing of the hub: it cannot be reached, or does not do its work even without a fault. */
import type { CloseInfo } from '@meetcast/client';

export type ChaosProblem =
  | 'unknown_scenario'
  | 'needs_own_hub'
  | 'not_connected'
  | 'request_failed'
  | 'no_words'
  | 'faulty_without_fault';

export class ChaosError extends Error {
  override readonly name = 'ChaosError';
  readonly problem: ChaosProblem;
  /** Beside `not_connected`: how the connection was closed. */
  readonly closed: Partial<CloseInfo>;

  /** `cause`, beside `request_failed`: the answer, if there was one, or else what the request rejected with. */
  constructor(
    problem: ChaosProblem,
    message: string,
    { cause, closed = {} }: { cause?: unknown; closed?: Partial<CloseInfo> } = {},
  ) {
    super(message, { cause });
    this.problem = problem;
    this.closed = closed;
  }
}
