/** Tells a Redis that says no from one that is not there. */

/** Redis cannot be asked now: decide alone. `cause` says why. */
export class RedisAwayError extends Error {
  override readonly name = 'RedisAwayError';

  constructor(cause?: unknown) {
    super(`Redis cannot be reached: ${cause instanceof Error ? cause.message : 'not connected'}`, { cause });
  }
}

/** Answers of a server that cannot do its work now, though it answers. */
const unfit = /^(READONLY|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK) /;

/** Whether a command failed because Redis is away rather than because of what it was asked. */
export function meansAway(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return true;
  return unfit.test(error.message);
}
