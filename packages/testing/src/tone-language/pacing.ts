/** Hands audio on when a microphone would: by counting its samples, so that nothing drifts. */

export interface Pace {
  bytesPerSecond: number;
  /** 1 is real time, 2 twice as fast, 0 at once. */
  speed: number;
  /** A clock that never goes back, in milliseconds. */
  now(): number;
  /** Resolves after so long, or at once when it was aborted. */
  wait(ms: number): Promise<void>;
}

/** A piece is due when its last sample would have been heard; late pieces come at once, until they are in time again. */
export async function* paced(
  pieces: AsyncIterable<Buffer> | Iterable<Buffer>,
  { bytesPerSecond, speed, now, wait }: Pace,
): AsyncGenerator<Buffer> {
  const start = now();
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    const dueMs = speed === 0 ? 0 : start + (bytes * 1000) / bytesPerSecond / speed - now();
    if (dueMs > 0) await wait(dueMs);
    yield piece;
  }
}

/** `Pace` by the clock of this machine. */
export function realPace(bytesPerSecond: number, speed: number, signal: AbortSignal): Pace {
  return {
    bytesPerSecond,
    speed,
    now: () => performance.now(),
    wait: (ms) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal.addEventListener('abort', done);
      }),
  };
}
