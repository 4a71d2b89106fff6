import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, test, vi } from 'vitest';
import { within } from '../../src/lib/within.ts';
import { meansAway } from '../../src/redis/failure.ts';
import { backoffMs } from '../../src/redis/link.ts';
import { templateOf } from '../../src/redis/options.ts';
import { Subscriptions } from '../../src/redis/subscriptions.ts';

afterEach(() => void vi.useRealTimers());

test('[LINK1] the wait doubles per failure, is spread, and stays below about two seconds', () => {
  const middle = [0, 1, 2, 3, 20, 2_000].map((failures) => backoffMs(failures, () => 0.5));
  expect(middle).toEqual([50, 100, 200, 400, 1_400, 1_400]);
  expect([backoffMs(20, () => 0), backoffMs(20, () => 0.999)]).toEqual([700, expect.closeTo(2_100, -1)]);
});

test.each([
  'READONLY You can’t write against a read only replica.',
  'LOADING Redis is loading the dataset in memory',
  'CLUSTERDOWN The cluster is down',
  'MASTERDOWN Link with MASTER is down',
  'BUSY Redis is busy running a script.',
])('[LINK2] a server that answers %s is away', (message) => {
  expect(meansAway(Object.assign(new Error(message), { name: 'ReplyError' }))).toBe(true);
});

test('[LINK3] a refusal is not an absence; everything but an answer is', () => {
  const refusal = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });
  for (const message of ['NOSCRIPT No matching script.', 'NOPERM', 'OOM command not allowed', 'ERR READONLY'])
    expect(meansAway(refusal(message))).toBe(false);
  expect(meansAway(new Error('Connection is closed.'))).toBe(true);
  expect(meansAway('gone')).toBe(true);
});

test.each([
  [{}],
  [{ url: '' }],
  [{ url: 'http://localhost' }],
  [{ url: 6379 }],
  [{ client: {} }],
  [{ client: null }],
])('[LINK4] options that name no Redis are refused: %j', (options) => {
  expect(() => templateOf(options as never)).toThrow(TypeError);
});

test('a channel is wanted from its first listener to its last', () => {
  const subscriptions = new Subscriptions();
  const [first, second] = [vi.fn(), vi.fn()];
  subscriptions.add(['a', 'b'], first);
  subscriptions.add(['b', 'c'], second);
  expect(subscriptions.channels).toEqual(['a', 'b', 'c']);
  expect(subscriptions.remove(['a', 'b'], first)).toEqual(['a']);
  expect(subscriptions.remove(['a', 'b'], first)).toEqual([]);
  expect(subscriptions.remove(['b', 'c'], second)).toEqual(['b', 'c']);
  expect(subscriptions.channels).toEqual([]);
});

test('a listener that throws takes nothing from the others', () => {
  const subscriptions = new Subscriptions();
  const heard = vi.fn();
  subscriptions.add(['a'], () => {
    throw new Error('a broken listener');
  });
  subscriptions.add(['a'], heard);
  subscriptions.deliver('a', Buffer.from('x'));
  subscriptions.deliver('b', Buffer.from('x'));
  expect(heard).toHaveBeenCalledExactlyOnceWith(Buffer.from('x'));
});

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
  const result = within(10, answer, () => new Error('late'));
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
  const result = within(300, new Promise<string>((resolve) => (answer = resolve)), () => new Error('late'));
  // A turn of the event loop after it is due: what is not read by then was late.
  const due = new Promise((resolve) => setTimeout(() => setImmediate(() => setImmediate(resolve)), 300));
  standStill(500);
  await due;
  answer('said at last');
  await expect(result).resolves.toBe('said at last');
});

test('an answer that never comes is late, on a machine that stands still again and again too', async () => {
  const result = within(100, new Promise(() => {}), () => new Error('late'));
  const stalls = setInterval(() => standStill(250), 1);
  await expect(result.finally(() => clearInterval(stalls))).rejects.toThrow('late');
});

test('an answer that never comes is late', async () => {
  await expect(within(10, new Promise(() => {}), () => new Error('late'))).rejects.toThrow('late');
});
