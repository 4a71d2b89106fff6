/** The Redis bus keeps the bus's contract, whichever way it is told of Redis. */
import { redisBus } from '@meetcast/server/redis';
import { type BusNodes, busContract } from '@meetcast/testing/contracts';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5';
import { afterAll, beforeAll, describe } from 'vitest';
import {
  hasRedisServer,
  type RedisCluster,
  type RedisServer,
  type SentinelSet,
  startCluster,
  startRedis,
  startSentinel,
} from '../support/redis-servers.ts';

/** Two buses on two clients of the host's, which ends them itself. */
function onClients(connect: () => Redis | Cluster): BusNodes {
  const clients = [connect(), connect()] as const;
  for (const client of clients) client.on('error', () => {});
  return {
    nodes: [redisBus({ client: clients[0] }), redisBus({ client: clients[1] })],
    async close() {
      for (const client of clients) client.disconnect();
    },
  };
}

describe.skipIf(!hasRedisServer)('one Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.close());

  const byAddress = () => redisBus({ url: server.url });
  busContract('by its address', () => ({ nodes: [byAddress(), byAddress()] }));
  busContract('by a client', () => onClients(() => new Redis(server.url)));
  describe('by a client with settings of its own', () => {
    const settings = {
      lazyConnect: true,
      keyPrefix: 'host:',
      db: 3,
      protocol: 2,
      stringNumbers: true,
      enableAutoPipelining: true,
      enableOfflineQueue: false,
    } as const;
    busContract('by a client', () => onClients(() => new Redis(server.url, settings)));
  });
  busContract('by a client of ioredis 5', () => onClients(() => new Redis5(server.url) as unknown as Redis));
});

describe.skipIf(!hasRedisServer)('Sentinel', () => {
  let sentinel: SentinelSet;
  beforeAll(async () => {
    sentinel = await startSentinel();
  });
  afterAll(() => sentinel.close());

  busContract('by a client', () => onClients(() => new Redis(sentinel.options)));
  busContract('by ioredis 5', () => onClients(() => new Redis5(sentinel.options) as unknown as Redis));
});

describe.skipIf(!hasRedisServer)('a cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.close());

  busContract('by a client', () => onClients(() => new Cluster(cluster.nodes)));
  describe('by a client with settings of its own', () => {
    const settings = {
      shardedSubscribers: true,
      scaleReads: 'slave',
      keyPrefix: 'host:',
      lazyConnect: true,
      redisOptions: { keyPrefix: 'host:', protocol: 2 },
    } as const;
    busContract('by a client', () => onClients(() => new Cluster(cluster.nodes, settings)));
  });
  busContract('by ioredis 5', () => onClients(() => new Cluster5(cluster.nodes) as unknown as Cluster));
});
