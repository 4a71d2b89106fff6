/** Waits for something only so long. */

/** A timer that is so late was held up: by a busy process, or by a machine that stood still. Milliseconds. */
const heldUpMs = 100;

/**
 * Rejects with `late()` if the promise takes longer. A process that was itself stopped or busy for so long first reads
 * what has arrived meanwhile; and as whoever is asked may have stood still with it, it then waits once more.
 */
export function within<T>(ms: number, promise: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    let timer: NodeJS.Timeout;
    const wait = (tries: number) => {
      const dueAt = performance.now() + ms;
      // Timers come before sockets in a turn of the event loop, immediates after them.
      const due = () =>
        setImmediate(() => {
          if (isOver) return;
          if (tries > 1 && performance.now() - dueAt > heldUpMs) wait(tries - 1);
          else reject(late());
        });
      timer = setTimeout(due, ms);
      // What is waited for keeps the process alive, not the waiting.
      timer.unref();
    };
    wait(2);
    promise.then(resolve, reject).finally(() => {
      isOver = true;
      clearTimeout(timer);
    });
  });
}
