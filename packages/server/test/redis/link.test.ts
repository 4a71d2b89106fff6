import { afterEach, expect, test, vi } from 'vitest';
import { meansAway } from '../../src/redis/failure.ts';
import { reconnectMs } from '../../src/redis/link.ts';
import { templateOf } from '../../src/redis/options.ts';
import { Subscriptions } from '../../src/redis/subscriptions.ts';

afterEach(() => void vi.useRealTimers());

test('[LINK1] the wait doubles per failure, is spread, and stays below about two seconds', () => {
  const middle = [0, 1, 2, 3, 20, 2_000].map((failures) => reconnectMs(failures, () => 0.5));
  expect(middle).toEqual([50, 100, 200, 400, 1_400, 1_400]);
  expect([reconnectMs(20, () => 0), reconnectMs(20, () => 0.999)]).toEqual([700, expect.closeTo(2_100, -1)]);
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
