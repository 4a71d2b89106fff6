/** A wait with an end, in a process that may stand still. */
import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, test, vi } from 'vitest';
import { withTimeout } from '../../src/lib/with-timeout.ts';

afterEach(() => void vi.useRealTimers());

const fail = () => {
  throw new Error('late');
};

test('an answer that waits to be read is not late, however long the process was busy', async () => {
  const answer = new Promise<string>((resolve) => {
    // Comes in the phase of the event loop that reads sockets, after the timers.
    const { port1, port2 } = new MessageChannel();
    port1.on('message', () => {
      port1.close();
      resolve('read');
    });
    port2.postMessage('');
  });
  const result = withTimeout(answer, 10, fail);
  const end = performance.now() + 50;
  while (performance.now() < end);
  await expect(result).resolves.toBe('read');
});

/** What a machine that stands still does to its processes: none of them gets on. */
function standStill(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test('nor is one that whoever was asked owes because it stood still too', async () => {
  let answer: (text: string) => void = () => {};
  const result = withTimeout(new Promise<string>((resolve) => (answer = resolve)), 300, fail);
  // A turn of the event loop after it is due: what is not read by then was late.
  const due = new Promise((resolve) => setTimeout(() => setImmediate(() => setImmediate(resolve)), 300));
  standStill(500);
  await due;
  answer('said at last');
  await expect(result).resolves.toBe('said at last');
});

test('an answer that never comes is late, on a machine that stands still again and again too', async () => {
  const result = withTimeout(new Promise(() => {}), 100, fail);
  const stalls = setInterval(() => standStill(250), 1);
  await expect(result.finally(() => clearInterval(stalls))).rejects.toThrow('late');
});

test('an answer that never comes is late', async () => {
  await expect(withTimeout(new Promise(() => {}), 10, fail)).rejects.toThrow('late');
});

test('what was waited for leaves no timer behind, however it ends', async () => {
  vi.useFakeTimers();
  await expect(withTimeout(Promise.resolve('read'), 1_000, fail)).resolves.toBe('read');
  await expect(withTimeout(Promise.reject(new Error('refused')), 1_000, fail)).rejects.toThrow('refused');
  expect(vi.getTimerCount()).toBe(0);
});

test('what takes too long is replaced by what is said then, and at once', async () => {
  vi.useFakeTimers();
  const result = withTimeout(new Promise(() => {}), 1_000, () => 'instead');
  await vi.advanceTimersByTimeAsync(1_001);
  await expect(result).resolves.toBe('instead');
  expect(vi.getTimerCount()).toBe(0);
});
