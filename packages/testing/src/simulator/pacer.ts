/** How long a stream must wait so that audio is taken no faster than allowed. */

/** Audio that may be taken ahead, so that a client sending in real time never waits. */
const slackMs = 250;
/** A reader of next to no bytes a second must not overflow a timer. */
const longestWaitMs = 60_000;

export class Pacer {
  readonly #pace: number;
  #busyUntilMs = 0;

  /** `pace` is in times real time; 0 means unlimited. */
  constructor(pace: number) {
    this.#pace = pace === 0 ? Number.POSITIVE_INFINITY : pace;
  }

  /** Takes one frame at `nowMs`; returns the wait before the next. */
  take(frame: { audioMs: number; bytes: number }, bytesPerSecond: number, nowMs: number): number {
    const costMs = Math.max(frame.audioMs / this.#pace, (frame.bytes / bytesPerSecond) * 1000);
    if (costMs === 0) return 0;
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + costMs;
    return Math.min(longestWaitMs, Math.max(0, this.#busyUntilMs - nowMs - slackMs));
  }
}
