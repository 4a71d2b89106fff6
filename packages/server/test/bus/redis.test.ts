/** The Redis bus on a link that only keeps what it is given; what it does on Redis is in its contract. */
import { expect, test } from 'vitest';
import { redisBusOn } from '../../src/bus/redis.ts';
import type { RedisLink } from '../../src/redis/link.ts';

test('what is published is not copied, and has no more of a larger buffer than it is', async () => {
  const sent: (string | Buffer)[] = [];
  const link: RedisLink = {
    node: 'n1',
    isPresent: true,
    run: () => Promise.reject(new Error('nothing is asked here')),
    publish: (_channel, message) => void sent.push(message),
    subscribe: async () => async () => {},
    ping: async () => {},
    watch: () => {},
    close: async () => {},
  };
  const larger = new TextEncoder().encode('--the middle of a larger buffer--');
  await redisBusOn(link).publish({ tenant: 'acme', id: 'm' }, larger.subarray(2, -2));
  expect(sent.map(String)).toEqual(['the middle of a larger buffer']);
  expect((sent[0] as Buffer).buffer).toBe(larger.buffer);
});
