/** The Redis bus when another server takes over: Sentinel and Cluster. */
import { Cluster, Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { finalMessage } from '../../packages/server/test/support/entries.ts';
import { BusNode, expectToOutlive, untilAway } from '../support/bus-node.ts';
import { hasRedisServer, type RedisServer, startCluster, startSentinel } from '../support/redis-servers.ts';

/** Two nodes on clients that the test ends. */
function onClients(connect: () => Redis | Cluster): readonly [BusNode, BusNode] {
  const open = () => {
    const client = connect();
    client.on('error', () => {});
    onTestFinished(() => client.disconnect());
    return new BusNode({ client });
  };
  return [open(), open()];
}

const master = (servers: readonly RedisServer[], index: number): RedisServer => {
  const server = servers[index];
  if (!server) throw new Error(`there is no server ${index}`);
  return server;
};

describe.skipIf(!hasRedisServer)('Sentinel', { timeout: 90_000 }, () => {
  const ways = ['the replica is told to take over', 'the master ends', 'the master stands still'] as const;
  test.each(ways)('[FAIL1] %s, and everybody hears everybody again', async (way) => {
    const sentinel = await startSentinel();
    onTestFinished(() => sentinel.close());
    const nodes = onClients(() => new Redis(sentinel.options));
    const before = await sentinel.master();
    await expectToOutlive(nodes, {
      async cut() {
        if (way === 'the replica is told to take over') await sentinel.failover();
        else if (way === 'the master ends') await before.stop();
        else before.pause();
      },
      heal: () => {},
    });
    expect((await sentinel.master()).port).not.toBe(before.port);
    if (way !== 'the replica is told to take over') return;
    // Sentinel itself tells the old master only seconds later.
    expect(nodes[1].changes[0]?.error?.message).toBe('another server has become the master');
  });
});

describe.skipIf(!hasRedisServer)('a cluster', { timeout: 90_000 }, () => {
  test.each([0, 1, 2])('[FAIL2] master %i ends, and its replica takes over', async (index) => {
    const cluster = await startCluster({ replicas: true });
    onTestFinished(() => cluster.close());
    const nodes = onClients(() => new Cluster(cluster.nodes));
    await expectToOutlive(nodes, { cut: () => master(cluster.servers, index).stop(), heal: () => {} });
  });

  test('[FAIL3] a master stands still, which is noticed whatever the meeting', async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.close());
    const nodes = onClients(() => new Cluster(cluster.nodes));
    for (const server of cluster.servers) {
      await expectToOutlive(nodes, { cut: () => server.pause(), heal: () => server.resume() });
    }
  });

  test('[FAIL4] subscriptions of one master are ended, and all are made again', async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.close());
    const nodes = onClients(() => new Cluster(cluster.nodes));
    for (const server of cluster.servers) {
      const cut = () => server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await expectToOutlive(nodes, { cut, heal: () => {} });
    }
  });

  test('[FAIL5] a slot moves to another master while a meeting goes on', async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.close());
    const [near, far] = onClients(() => new Cluster(cluster.nodes));
    const meeting = { tenant: 'acme', id: 'moving' };
    const heard = await far.listen(meeting);
    await Promise.all([near.ready(), far.ready()]);
    const first = master(cluster.servers, 0);
    const slot = Number(await first.ask('CLUSTER', 'KEYSLOT', '{acme/moving}'));
    const from = Math.floor((slot * cluster.servers.length) / 16_384);
    const target = master(cluster.servers, (from + 1) % 3);
    const id = String(await target.ask('CLUSTER', 'MYID'));
    await target.ask('CLUSTER', 'SETSLOT', slot, 'NODE', id);
    for (const server of cluster.servers) await server.ask('CLUSTER', 'SETSLOT', slot, 'NODE', id);
    await expect.poll(() => far.backs, { timeout: 20_000 }).toBe(1);
    for (let seq = 1; seq <= 10; seq += 1) await near.publish(meeting, finalMessage(seq));
    await expect.poll(() => heard.length, { timeout: 20_000 }).toBe(10);
  });

  test('[FAIL6] a cluster that lost a master for good is away until it has one again', async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.close());
    const nodes = onClients(() => new Cluster(cluster.nodes));
    await Promise.all(nodes.map((node) => node.ready()));
    await master(cluster.servers, 2).stop();
    await Promise.all(nodes.map(untilAway));
    await expect(nodes[0].bus.remote?.ping()).rejects.toThrow('Redis is away');
  });
});
