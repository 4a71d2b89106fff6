/** A clock that only the test moves, for everything that waits: `node:timers/promises` too, which vitest leaves alone. */
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import { vi } from 'vitest';

const { setTimeout: realDelay, setImmediate: realTurn } = timersPromises;

export function useFakeClock(now: number): void {
  vi.useFakeTimers({ now });
  Object.assign(timersPromises, { setTimeout: delay, setImmediate: nextTurn });
  syncBuiltinESMExports();
}

export function useRealClock(): void {
  vi.useRealTimers();
  Object.assign(timersPromises, { setTimeout: realDelay, setImmediate: realTurn });
  syncBuiltinESMExports();
}

/** Lets time go on. */
export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** Lets everything happen that needs no time. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await pass(0);
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** As the real one: an abort ends the wait. */
function delay(ms: number, value: unknown, { signal }: { signal?: AbortSignal } = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms, value);
    function done(answer: unknown) {
      signal?.removeEventListener('abort', aborted);
      resolve(answer);
    }
    function aborted() {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener('abort', aborted, { once: true });
    if (signal?.aborted) aborted();
  });
}
