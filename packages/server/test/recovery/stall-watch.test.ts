import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { StallWatch } from '../../src/recovery/stall-watch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watched() {
  const late = vi.fn();
  return { late, watch: new StallWatch(8_000, late) };
}

test('speech owes an answer, noises and silence do not, and any result is one', () => {
  const { late, watch } = watched();
  watch.spoke(200);
  vi.advanceTimersByTime(60_000);
  expect([late.mock.calls.length, watch.owes]).toEqual([0, false]);
  watch.spoke(100);
  vi.advanceTimersByTime(7_900);
  watch.answered();
  vi.advanceTimersByTime(60_000);
  expect([late.mock.calls.length, watch.owes]).toEqual([0, false]);
  watch.spoke(300);
  vi.advanceTimersByTime(8_100);
  expect(late.mock.calls.length).toBe(1);
});

test('each wait has its own time: one that ended takes nothing from the next', () => {
  const { late, watch } = watched();
  watch.wait('write');
  vi.advanceTimersByTime(7_000);
  watch.payOff('write');
  expect(watch.owes).toBe(false);
  vi.advanceTimersByTime(500);
  watch.wait('write');
  vi.advanceTimersByTime(7_900);
  expect(late.mock.calls.length).toBe(0);
  vi.advanceTimersByTime(200);
  expect(late.mock.calls.length).toBe(1);
});

test('a result gives a wait more time and does not end it', () => {
  const { late, watch } = watched();
  watch.wait('end');
  vi.advanceTimersByTime(7_000);
  watch.answered();
  vi.advanceTimersByTime(8_000);
  expect([late.mock.calls.length, watch.owes]).toEqual([0, true]);
  vi.advanceTimersByTime(100);
  expect(late.mock.calls.length).toBe(1);
  watch.end();
  expect(vi.getTimerCount()).toBe(0);
});
