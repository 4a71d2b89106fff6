/** The contract of a registry, kept in one Redis and in a Cluster. */
import { type RedisConnectOptions, redisRegistry } from '@meetcast/server/redis';
import { registryContract } from '@meetcast/testing/contracts';
import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe } from 'vitest';
import {
  hasRedisServer,
  type RedisCluster,
  type RedisServer,
  startCluster,
  startRedis,
} from '../support/redis-servers.ts';

const twoNodes = (connect: () => RedisConnectOptions) => () => ({
  nodes: [redisRegistry(connect()), redisRegistry(connect())] as const,
});

describe.skipIf(!hasRedisServer)('one Redis', () => {
  // Its own: what a cluster adds up to is one for all who share a Redis.
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.close());
  registryContract(
    'the registry',
    twoNodes(() => ({ url: server.url })),
  );
});

describe.skipIf(!hasRedisServer)('a Redis Cluster', () => {
  let cluster: RedisCluster;
  let client: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
    client = new Cluster(cluster.nodes, { lazyConnect: true });
  });
  afterAll(async () => {
    client.disconnect();
    await cluster.close();
  });
  registryContract(
    'the registry',
    twoNodes(() => ({ client })),
  );
});
