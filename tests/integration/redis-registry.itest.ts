/** The contract of a registry, kept in one Redis and in a Cluster. */
import { type RedisConnectOptions, redisRegistry } from '@meetcast/server/redis';
import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { registryContract } from '../../packages/server/test/registry/registry-contract.ts';
import { hasRedisServer, type RedisCluster, startCluster } from '../support/redis-servers.ts';

const redisUrl = inject('redisUrl') ?? '';

const twoNodes = (connect: () => RedisConnectOptions) => async () => ({
  nodes: [redisRegistry(connect()), redisRegistry(connect())] as const,
});

describe.skipIf(!redisUrl)('one Redis', () => {
  registryContract(twoNodes(() => ({ url: redisUrl })));
});

describe.skipIf(!hasRedisServer)('a Redis Cluster', () => {
  let cluster: RedisCluster;
  let client: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
    client = new Cluster(cluster.nodes, { lazyConnect: true });
  }, 60_000);
  afterAll(async () => {
    client.disconnect();
    await cluster.close();
  });
  registryContract(twoNodes(() => ({ client })));
});
