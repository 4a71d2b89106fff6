/** How often something may happen: a bucket of tokens and a sliding window. Time comes in as a parameter. */

/** Allows `perSecond` on average and `burst` at once. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** Takes a token, on credit if need be. Answers with the milliseconds until the debt is paid; 0 if there is none. */
  take(now: number): number {
    // A clock that was set back earns nothing, and costs nothing either.
    const earned = (Math.max(0, now - this.#at) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#burst, this.#tokens + earned) - 1;
    this.#at = now;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1000;
  }
}

/** Counts events per key in the last `windowMs`; keys without any are forgotten. */
export class SlidingWindow {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #times = new Map<string, number[]>();
  #sweptAt = 0;

  constructor(limit: number, windowMs: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  /** Whether one more is allowed now; counts it if so. */
  allow(key: string, now: number): boolean {
    this.#sweep(now);
    const recent = (this.#times.get(key) ?? []).filter((time) => time > now - this.#windowMs && time <= now);
    if (recent.length >= this.#limit) return false;
    this.#times.set(key, [...recent, now]);
    return true;
  }

  get size(): number {
    return this.#times.size;
  }

  #sweep(now: number): void {
    if (now >= this.#sweptAt && now - this.#sweptAt < this.#windowMs) return;
    this.#sweptAt = now;
    for (const [key, times] of this.#times) {
      if ((times.at(-1) ?? 0) <= now - this.#windowMs) this.#times.delete(key);
    }
  }
}
