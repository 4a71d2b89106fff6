import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchDrain } from '../src/drain-watch.ts';
import { defaultLimits } from '../src/limits.ts';
import type { Transcription } from '../src/transcription.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('[ING12] last words are waited for as long as was said, wherever the system’s clock is set meanwhile', () => {
  const giveUp = vi.fn();
  const transcription = { heardAt: performance.now(), isAway: false, giveUp } as unknown as Transcription;
  const watch = watchDrain(transcription, new AbortController().signal, defaultLimits);
  vi.setSystemTime(Date.now() + 3_600_000);
  vi.advanceTimersByTime(29_000);
  expect(giveUp).not.toHaveBeenCalled();
  vi.advanceTimersByTime(5_000);
  expect(giveUp).toHaveBeenCalled();
  clearInterval(watch);
});
