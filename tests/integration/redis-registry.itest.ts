/** The contract of a registry, kept in one Redis and in a Cluster. */
import { type RedisConnectOptions, redisRegistry } from '@meetcast/server/redis';
import { openFaultProxy } from '@meetcast/testing';
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

/** What is held stays held on a machine that stands still for a while. */
const leaseMs = 4_000;

/** Two nodes, of which the first has proxies on its way to Redis: one for each server. */
async function twoNodes(
  servers: readonly { port: number }[],
  connect: (ports: Ports) => RedisConnectOptions,
) {
  const straight = new Map(servers.map(({ port }) => [port, port]));
  const proxies = await Promise.all(servers.map(async (server) => openFaultProxy(server)));
  const byProxy = new Map(servers.map(({ port }, index) => [port, proxies[index]?.port ?? port]));
  const node = (ports: Ports) => redisRegistry({ ...connect(ports), leaseMs });
  return {
    nodes: [node(byProxy), node(straight)] as const,
    die() {
      for (const proxy of proxies) proxy.refuse(true);
    },
    async close() {
      for (const proxy of proxies) await proxy.close();
    },
  };
}

/** By which port a node reaches the server on this one. */
type Ports = ReadonlyMap<number, number>;

describe.skipIf(!hasRedisServer)('one Redis', () => {
  // Its own: what a cluster adds up to is one for all who share a Redis.
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.close());
  registryContract('the registry', () =>
    twoNodes([server], (ports) => ({ url: `redis://127.0.0.1:${ports.get(server.port)}` })),
  );
});

describe.skipIf(!hasRedisServer)('a Redis Cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.close());

  /** Never connected itself. */
  function clientOn(ports: Ports): Cluster {
    const at = (port: number) => ({ host: '127.0.0.1', port: ports.get(port) ?? port });
    const natMap = Object.fromEntries([...ports.keys()].map((port) => [`127.0.0.1:${port}`, at(port)]));
    return new Cluster(
      cluster.nodes.map(({ port }) => at(port)),
      { lazyConnect: true, natMap },
    );
  }

  registryContract('the registry', () => twoNodes(cluster.servers, (ports) => ({ client: clientOn(ports) })));
});
