/** Waits until something is so, and looks whenever something has happened. */

export class Happenings {
  readonly #signal: AbortSignal;
  readonly #looks = new Set<() => void>();

  /** `signal`: every wait rejects with its reason. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  readonly happened = (): void => {
    for (const look of [...this.#looks]) look();
  };

  /** Whether it was so in time. */
  until(isSo: () => boolean, withinMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const settle = (answer: () => void) => {
        clearTimeout(timer);
        this.#looks.delete(look);
        this.#signal.removeEventListener('abort', stop);
        answer();
      };
      const look = () => {
        if (isSo()) settle(() => resolve(true));
      };
      const stop = () => settle(() => reject(this.#signal.reason));
      const timer = setTimeout(() => settle(() => resolve(isSo())), withinMs);
      this.#looks.add(look);
      this.#signal.addEventListener('abort', stop);
      if (this.#signal.aborted) stop();
      else look();
    });
  }

  /** Whether a promise was kept in time; rejects if it does. */
  async kept(promise: Promise<unknown>, withinMs: number): Promise<boolean> {
    let isSettled = false;
    const settled = promise.finally(() => {
      isSettled = true;
      this.happened();
    });
    settled.catch(() => {});
    if (!(await this.until(() => isSettled, withinMs))) return false;
    await settled;
    return true;
  }

  async wait(ms: number): Promise<void> {
    await this.until(() => false, ms);
  }
}
