/** How long to wait so that audio goes no faster than allowed. */

/** Audio that may go ahead, so that timers need not be exact. */
const slackMs = 250;

export class Pace {
  readonly #timesRealTime: number;
  #busyUntil = 0;

  constructor(timesRealTime: number) {
    this.#timesRealTime = timesRealTime;
  }

  /** Takes a piece at `now`; answers how long to wait before the next one. */
  take(audioMs: number, now: number): number {
    this.#busyUntil = Math.max(this.#busyUntil, now) + audioMs / this.#timesRealTime;
    return Math.max(0, this.#busyUntil - now - slackMs);
  }
}
