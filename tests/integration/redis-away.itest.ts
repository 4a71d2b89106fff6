/** The Redis bus while Redis is away, and after. */
import { type FaultProxy, freePort, openFaultProxy } from '@meetcast/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { finalMessage, freshMeeting, partialMessage } from '../../packages/server/test/support/entries.ts';
import { BusNode, expectToOutlive, patient, untilAway } from '../support/bus-node.ts';
import { hasRedisServer, type RedisServer, startRedis } from '../support/redis-servers.ts';

const proxied = async (server: RedisServer): Promise<FaultProxy & { url: string }> => {
  const proxy = await openFaultProxy(server);
  onTestFinished(() => proxy.close());
  return Object.assign(proxy, { url: `redis://127.0.0.1:${proxy.port}` });
};

describe.skipIf(!hasRedisServer)('one Redis', { timeout: 300_000 }, () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.close());

  const cuts: [string, (proxy: FaultProxy) => void, (proxy: FaultProxy) => void][] = [
    ['its connections are reset', (proxy) => proxy.drop('rst'), () => {}],
    ['it is refused', (proxy) => proxy.refuse(true), (proxy) => proxy.refuse(false)],
    ['nothing passes', (proxy) => proxy.stall(true), (proxy) => proxy.stall(false)],
    [
      'nothing passes, and then all is reset',
      (proxy) => proxy.stall(true),
      (proxy) => {
        proxy.drop('rst');
        proxy.stall(false);
      },
    ],
  ];
  test.each(cuts)('one node is isolated: %s', async (_, cut, heal) => {
    const proxy = await proxied(server);
    const nodes = [new BusNode({ url: server.url }), new BusNode({ url: proxy.url })] as const;
    await expectToOutlive(nodes, { cut: () => cut(proxy), heal: () => heal(proxy) });
    expect(nodes[0].changes).toEqual([]);
  });

  const faults: [string, (server: RedisServer) => unknown, (server: RedisServer) => unknown][] = [
    ['it ends and starts again, empty', (server) => server.stop(), (server) => server.restart()],
    ['it starts again at once', (server) => server.restart(), () => {}],
    ['it stands still', (server) => server.pause(), (server) => server.resume()],
    ['it ends subscriptions', (server) => server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub'), () => {}],
    ['it ends commands', (server) => server.ask('CLIENT', 'KILL', 'TYPE', 'normal'), () => {}],
    [
      'it loses its rank',
      (server) => server.ask('REPLICAOF', '127.0.0.1', 1),
      (server) => server.ask('REPLICAOF', 'NO', 'ONE'),
    ],
  ];
  test.each(faults)('%s, and everybody hears everybody again', async (_, cut, heal) => {
    const own = await startRedis();
    onTestFinished(() => own.close());
    const nodes = [new BusNode({ url: own.url }), new BusNode({ url: own.url })] as const;
    await expectToOutlive(nodes, { cut: () => cut(own), heal: () => heal(own) });
  });

  test('it outlives one fault after another', async () => {
    const proxy = await proxied(server);
    const nodes = [new BusNode({ url: server.url }), new BusNode({ url: proxy.url })] as const;
    for (const [, cut, heal] of cuts) {
      await expectToOutlive(nodes, { cut: () => cut(proxy), heal: () => heal(proxy) });
    }
    const states = nodes[1].changes.map(({ state }) => state);
    expect(states).toEqual(cuts.flatMap(() => ['away', 'back']));
  });

  test('a Redis that reads its data is not back yet', async () => {
    const args = ['--key-load-delay', '2000', '--loading-process-events-interval-bytes', '1024'];
    const own = await startRedis({ args });
    onTestFinished(() => own.close());
    for (let key = 0; key < 200; key += 1) await own.ask('SET', `key-${key}`, 'x'.repeat(100));
    const nodes = [new BusNode({ url: own.url }), new BusNode({ url: own.url })] as const;
    let loading: Promise<unknown> = Promise.resolve();
    const asked: Promise<unknown>[] = [];
    for (const node of nodes) node.on('back', () => asked.push(own.ask('SET', 'after', 'back')));
    await expectToOutlive(nodes, {
      async cut() {
        await own.ask('SAVE');
        await own.stop();
      },
      heal() {
        loading = own.restart();
      },
    });
    await loading;
    expect(asked.length).toBeGreaterThan(0);
    expect(await Promise.all(asked)).toEqual(asked.map(() => 'OK'));
  });

  test('a Redis that is not there at the start is met when it comes', async () => {
    const port = await freePort();
    const url = `redis://127.0.0.1:${port}`;
    const [near, far] = [new BusNode({ url }), new BusNode({ url })];
    const meeting = freshMeeting();
    const heard = await far.listen(meeting);
    await untilAway(near);
    await untilAway(far);
    // The other: a machine that was too busy to find it out at once.
    expect(far.changes[0]?.error?.message).toMatch(/ECONNREFUSED|has not answered yet/);
    await expect(far.bus.remote?.ping()).rejects.toThrow('Redis cannot be reached');
    await far.publish(meeting, finalMessage(1));
    expect(heard).toEqual([finalMessage(1).text]);
    const late: string[] = [];
    far.bus.remote?.watch((state) => late.push(state));
    expect(late).toEqual(['away']);

    const own = await startRedis({ port });
    onTestFinished(() => own.close());
    await expect.poll(() => [near.isAway, far.isAway], patient).toEqual([false, false]);
    await near.publish(meeting, finalMessage(2));
    await expect.poll(() => heard).toEqual([finalMessage(1).text, finalMessage(2).text]);
  });

  test('a connection that never answers is given up', async () => {
    const proxy = await proxied(server);
    proxy.stall(true);
    const node = new BusNode(proxy);
    const heard = await node.listen(freshMeeting());
    await untilAway(node);
    expect(heard).toEqual([]);
    proxy.drop('rst');
    proxy.stall(false);
    await expect.poll(() => node.isAway, patient).toBe(false);
  });

  test('what is published while Redis is away is not kept for it', async () => {
    const proxy = await proxied(server);
    const [near, far] = [new BusNode({ url: server.url }), new BusNode({ url: proxy.url })];
    const meeting = freshMeeting();
    const heard = await near.listen(meeting);
    await Promise.all([near.ready(), far.ready()]);
    proxy.refuse(true);
    await untilAway(far);
    const before = process.memoryUsage().rss;
    // Together 400 megabytes.
    for (let round = 0; round < 4_000; round += 1) {
      await far.publish(meeting, partialMessage(round, `${round} ${'x'.repeat(100_000)}`));
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);
    proxy.refuse(false);
    await expect.poll(() => far.isAway, patient).toBe(false);
    await far.publish(meeting, finalMessage(1));
    await expect.poll(() => heard).toEqual([finalMessage(1).text]);
  });

  test('a process that was busy itself does not take Redis for away', async () => {
    const [near, far] = [new BusNode({ url: server.url }), new BusNode({ url: server.url })];
    await Promise.all([near.ready(), far.ready()]);
    // Both of them between two beats and with one under way.
    for (let round = 0; round < 2; round += 1) {
      const beats = [near.bus.remote?.ping(), far.bus.remote?.ping()];
      const end = performance.now() + 1_500;
      while (performance.now() < end);
      await Promise.all(beats);
    }
    expect([...near.changes, ...far.changes]).toEqual([]);
  });
});
