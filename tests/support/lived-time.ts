/** Clocks for tests that wait long: one that stands still while the machine does, one that can be put forward. */
import { onTestFinished, vi } from 'vitest';

const tickMs = 50;

/** How long a test has really lived between two instants of `performance`: time in which its process could not act is none. */
export function livedTime(): (from: number, to: number) => number {
  const ticks: number[] = [];
  const timer = setInterval(() => ticks.push(performance.now()), tickMs);
  onTestFinished(() => clearInterval(timer));
  return (from, to) => ticks.filter((at) => at > from && at <= to).length * tickMs;
}

/** Lets the time of day be this much later, until the test's end. Timers do not notice. */
export function putForward(ms: number): void {
  const now = Date.now.bind(Date);
  const spy = vi.spyOn(Date, 'now').mockImplementation(() => now() + ms);
  onTestFinished(() => spy.mockRestore());
}
