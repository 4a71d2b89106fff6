/** Waits for a promise, but not for ever. */

/** A timer that is so late was held up: by a busy process, or by a machine that stood still. Milliseconds. */
const heldUpMs = 100;

/**
 * What the promise gives, or what `late` gives or throws if it takes longer. A process that was itself stopped or busy for
 * so long first reads what has arrived meanwhile; and as whoever is asked may have stood still with it, it then waits once
 * more.
 */
export async function withTimeout<T, Late>(
  promise: Promise<T>,
  ms: number,
  late: () => Late,
): Promise<T | Late> {
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    const wait = (tries: number) => {
      const dueAt = performance.now() + ms;
      // Timers come before sockets in a turn of the event loop, immediates after them.
      const due = () =>
        setImmediate(() => {
          if (isOver) return;
          if (tries > 1 && performance.now() - dueAt > heldUpMs) wait(tries - 1);
          else resolve();
        });
      timer = setTimeout(due, ms);
    };
    wait(2);
  });
  try {
    return await Promise.race([promise, deadline.then(late)]);
  } finally {
    isOver = true;
    clearTimeout(timer);
  }
}
