/** A wait that may be ended early; one at a time. */
export class Pause {
  #end: (() => void) | undefined;

  /** Resolves after `ms`, or when `end` is called. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  end(): void {
    this.#end?.();
  }
}
