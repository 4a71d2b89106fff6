/** Waits for something only so long. */

/**
 * Rejects with `late()` if the promise takes longer. A process that was itself stopped or busy for so long first reads
 * what has arrived meanwhile.
 */
export function within<T>(ms: number, promise: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    // Timers come before sockets in a turn of the event loop, immediates after them.
    const timer = setTimeout(() => setImmediate(() => reject(late())), ms);
    // What is waited for keeps the process alive, not the waiting.
    timer.unref();
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
