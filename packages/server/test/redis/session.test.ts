import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type { RedisClient } from '../../src/redis/options.ts';
import { Session } from '../../src/redis/session.ts';

/** A Redis that answers at once, but for the subscriptions that are told to wait. */
class FakeRedis extends EventEmitter {
  readonly isCluster = false;
  readonly options = {};
  readonly waiting = new Map<string, () => void>();
  readonly #connections: EventEmitter[] = [];

  duplicate() {
    const connection = Object.assign(new EventEmitter(), {
      connect: async () => {},
      disconnect: () => {},
      del: async () => 0,
      publish: async (channel: string, message: string) => {
        for (const other of this.#connections)
          other.emit('messageBuffer', Buffer.from(channel), Buffer.from(message));
      },
      subscribe: async (channel: string) => {
        if (channel === 'slow') await new Promise<void>((resolve) => this.waiting.set(channel, resolve));
      },
    });
    this.#connections.push(connection);
    return connection;
  }
}

/** A session that is joining, and somebody who came after the list of its channels was made. */
function joiningSession() {
  const redis = new FakeRedis();
  const session = new Session(redis as unknown as RedisClient, 'node', () => {});
  const outcome: string[] = [];
  const joining = session.join(() => {
    void session.subscribe(['slow']);
    return [];
  });
  const joined = joining.then(
    () => outcome.push('joined'),
    (error: Error) => outcome.push(error.message),
  );
  return { redis, session, outcome, joined };
}

test('a session has not joined before what was subscribed meanwhile is subscribed', async () => {
  const { redis, session, outcome, joined } = joiningSession();
  await expect.poll(() => redis.waiting.size).toBe(1);
  await new Promise(setImmediate);
  expect(outcome).toEqual([]);
  redis.waiting.get('slow')?.();
  await joined;
  expect(outcome).toEqual(['joined']);
  session.end(new Error('enough'));
});

test('a session that broke while it was joining has not joined', async () => {
  const { redis, session, outcome, joined } = joiningSession();
  await expect.poll(() => redis.waiting.size).toBe(1);
  await new Promise(setImmediate);
  session.end(new Error('broken'));
  redis.waiting.get('slow')?.();
  await joined;
  expect(outcome).toEqual(['Redis cannot be reached: not connected']);
  expect((await session.ended).message).toBe('broken');
});
