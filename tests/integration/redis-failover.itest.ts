/** The Redis bus when another server takes over: Sentinel and Cluster. */
import { Cluster, Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { finalMessage } from '../../packages/server/test/support/entries.ts';
import { BusNode, expectToOutlive, patient, untilAway } from '../support/bus-node.ts';
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

describe.skipIf(!hasRedisServer)('Sentinel', { timeout: 300_000 }, () => {
  const ways = ['the replica is told to take over', 'the master ends', 'the master stands still'] as const;
  test.each(ways)('%s, and everybody hears everybody again', async (way) => {
    const isTold = way === 'the replica is told to take over';
    const sentinel = await startSentinel(isTold ? {} : { downAfterMs: 4_000 });
    onTestFinished(() => sentinel.close());
    const nodes = onClients(() => new Redis(sentinel.options));
    const before = await sentinel.master();
    await expectToOutlive(nodes, {
      async cut() {
        if (isTold) await sentinel.failover();
        else if (way === 'the master ends') await before.stop();
        else before.pause();
      },
      heal: () => {},
    });
    expect((await sentinel.master()).port).not.toBe(before.port);
    if (!isTold) return;
    // Sentinel itself tells the old master only seconds later.
    const reasons = nodes[1].changes.map(({ error }) => error?.message);
    expect(reasons).toContain('another server has become the master');
  });
});

describe.skipIf(!hasRedisServer)('a cluster', { timeout: 300_000 }, () => {
  test.each([0, 1, 2])('master %i ends, and its replica takes over', async (index) => {
    const cluster = await startCluster({ replicas: true });
    onTestFinished(() => cluster.close());
    const nodes = onClients(() => new Cluster(cluster.nodes));
    await expectToOutlive(nodes, { cut: () => master(cluster.servers, index).stop(), heal: () => {} });
  });

  test('a master stands still, which is noticed whatever the meeting', async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.close());
    const nodes = onClients(() => new Cluster(cluster.nodes));
    for (const server of cluster.servers) {
      await expectToOutlive(nodes, { cut: () => server.pause(), heal: () => server.resume() });
    }
  });

  test('subscriptions of one master are ended, and all are made again', async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.close());
    const nodes = onClients(() => new Cluster(cluster.nodes));
    for (const server of cluster.servers) {
      const cut = () => server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await expectToOutlive(nodes, { cut, heal: () => {} });
    }
  });

  test('a slot moves to another master while a meeting goes on', async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.close());
    const [near, far] = onClients(() => new Cluster(cluster.nodes));
    const meeting = { tenant: 'acme', id: 'moving' };
    const heard = await far.listen(meeting);
    await Promise.all([near.ready(), far.ready()]);
    const first = master(cluster.servers, 0);
    const slot = Number(await first.ask('CLUSTER', 'KEYSLOT', '{acme/moving}'));
    const from = Math.floor((slot * cluster.servers.length) / 16_384);
    const [source, target] = [master(cluster.servers, from), master(cluster.servers, (from + 1) % 3)];
    const [sourceId, id] = await Promise.all([source, target].map((server) => server.ask('CLUSTER', 'MYID')));
    // As redis-cli moves one: only who imports it takes a higher epoch, by which the others believe it.
    await target.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(sourceId));
    await source.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(id));
    for (const server of [target, ...cluster.servers])
      await server.ask('CLUSTER', 'SETSLOT', slot, 'NODE', String(id));
    await expect.poll(() => far.backs, patient).toBeGreaterThan(0);
    await Promise.all([near.ready(), far.ready()]);
    for (let seq = 1; seq <= 10; seq += 1) await near.publish(meeting, finalMessage(seq));
    await expect.poll(() => heard, patient).toHaveLength(10);
    expect(new Set(heard).size).toBe(10);
  });

  test('a cluster that lost a master for good is away until it has one again', async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.close());
    const nodes = onClients(() => new Cluster(cluster.nodes));
    await Promise.all(nodes.map((node) => node.ready()));
    await master(cluster.servers, 2).stop();
    await Promise.all(nodes.map(untilAway));
    await expect(nodes[0].bus.remote?.ping()).rejects.toThrow('Redis cannot be reached');
  });
});
