/** Waits, but not for long. */

/** Resolves when what is due in this turn of the event loop has been done. */
export const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Waits for a promise, but no longer. */
export async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, deadline]);
  clearTimeout(timer);
}
