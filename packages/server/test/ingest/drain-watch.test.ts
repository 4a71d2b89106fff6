import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchDrain } from '../../src/ingest/drain-watch.ts';
import { defaultLimits } from '../../src/lib/limits.ts';
import type { Transcription } from '../../src/transcription/transcription.ts';

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

const limits = { ...defaultLimits, drainSilenceMs: 10_000, drainAwayMs: 40_000 };

interface Told {
  heardAt: number;
  isAway: boolean;
}

/** When a drain is given up, in seconds, and why; each second `at` may change what is so. It was last heard long ago. */
function drained(isAway: boolean, at = (_second: number, _told: Told, _want: () => void): void => {}) {
  const told = { heardAt: performance.now() - 3_600_000, isAway };
  const wanted = new AbortController();
  let end: { second: number; why: string } | undefined;
  let second = 0;
  const giveUp = ({ message }: Error) => {
    end ??= { second, why: message };
  };
  const transcription = Object.assign(told, { giveUp }) as unknown as Transcription;
  const watch = watchDrain(transcription, wanted.signal, limits);
  for (; second < 100 && !end; second += 1) {
    at(second, told, () => wanted.abort());
    vi.advanceTimersByTime(1_000);
  }
  clearInterval(watch);
  return end;
}

test('[ING12] the wait begins at the end of the audio, and is longer for a recognizer that is away', () => {
  expect([drained(false)?.second, drained(true)?.second]).toEqual([10, 40]);
});

test('[ING12] a recognizer that goes on answering is not given up', () => {
  const answer = (second: number, told: Told) => {
    if (second % 8 === 0) told.heardAt = performance.now();
  };
  expect(drained(false, answer)).toBeUndefined();
});

test('[ING20] somebody else who sends the source ends the wait for one that is away, and for no other', () => {
  const wanted = (second: number, told: Told, want: () => void) => {
    if (second === 3) want();
    if (!told.isAway) told.heardAt = performance.now();
  };
  expect(drained(true, wanted)).toMatchObject({ second: 3, why: expect.stringMatching(/another sender/) });
  expect(drained(false, wanted)).toBeUndefined();
});
