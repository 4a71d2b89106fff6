/** A hub that is one node of many by one option. */
import { memoryBus, memoryRegistry, memoryStore } from '@meetcast/server';
import { redis } from '@meetcast/server/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { patient } from '../support/bus-node.ts';
import { hasRedisServer, type RedisServer, startRedis } from '../support/redis-servers.ts';
import { startHub } from '../support/start-hub.ts';

test('a cluster beside a bus or a registry is refused', async () => {
  const cluster = { bus: memoryBus(), registry: memoryRegistry(), close: async () => {} };
  await expect(startHub({ cluster, bus: memoryBus() })).rejects.toThrow(TypeError);
  await expect(startHub({ cluster, registry: memoryRegistry() })).rejects.toThrow('not both');
});

describe.skipIf(!hasRedisServer)('in Redis', () => {
  let server: RedisServer;
  let outsider: Redis;
  beforeAll(async () => {
    server = await startRedis();
    outsider = new Redis(server.url);
  });
  afterAll(async () => {
    outsider.disconnect();
    await server.close();
  });

  const connections = async () =>
    String(await outsider.client('LIST'))
      .trim()
      .split('\n').length - 1;

  async function twoHubs(options: () => Parameters<typeof redis>[0]) {
    const store = memoryStore();
    const clusters = [redis(options()), redis(options())] as const;
    onTestFinished(async () => {
      for (const cluster of clusters) await cluster.close();
    });
    for (const { bus } of clusters) await vi.waitFor(() => bus.remote?.ping(), patient);
    const [one, two] = clusters;
    return [await startHub({ store, cluster: one }), await startHub({ store, cluster: two })] as const;
  }

  test('hubs that share an address are one, on two connections each; closing a hub ends its own', async () => {
    await expect.poll(connections).toBe(0);
    const [here, there] = await twoHubs(() => ({ url: server.url }));
    expect(await connections()).toBe(4);
    const viewer = await there.viewer();
    await here.hub.meeting({ tenant: 'acme', id: 'm' }).partial({ text: 'so', startMs: 0, endMs: 900 });
    await viewer.until('transcript.partial', ({ text }) => text === 'so');
    const counts = (await (await here.get('ws/meetings/m/stats')).json()) as { subscribers: number };
    expect(counts.subscribers).toBe(1);
    await here.hub.close();
    await expect.poll(connections).toBe(2);
    await there.hub.close();
    await there.hub.close();
    await expect.poll(connections).toBe(0);
  });

  test('a client that was handed over stays open, and what the hub held is free at once', async () => {
    const client = new Redis(server.url);
    onTestFinished(() => client.disconnect());
    const [here, there] = await twoHubs(() => ({ client, leaseMs: 60_000 }));
    await here.viewer({ meeting: 'held' });
    await here.hub.close();
    expect(await client.ping()).toBe('PONG');
    const counts = (await (await there.get('ws/stats')).json()) as { subscribers: number };
    expect(counts.subscribers).toBe(0);
    await there.hub.close();
    expect(await client.ping()).toBe('PONG');
  });

  test('options that cannot be meant leave no connection behind', async () => {
    await expect.poll(connections).toBe(0);
    expect(() => redis({ url: server.url, leaseMs: -1 })).toThrow(TypeError);
    expect(() => redis({ url: 'http://127.0.0.1' })).toThrow(TypeError);
    await expect.poll(connections).toBe(0);
  });
});
