/** The rights that docs/many-nodes.md gives a user of Redis are all that nodes need, and no more than they use. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { memoryStore } from '@meetcast/server';
import { type RedisConnectOptions, redisBus, redisRegistry } from '@meetcast/server/redis';
import { Cluster } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { hasRedisServer, type RedisServer, startCluster, startRedis } from '../support/redis-servers.ts';
import { commandsOf, readPage } from '../support/snippets.ts';
import { expectWords, speech } from '../support/speech.ts';
import { startHub } from '../support/start-hub.ts';

const page = readFileSync(fileURLToPath(new URL('../../docs/many-nodes.md', import.meta.url)), 'utf8');
/** The rules of every `redis-cli ACL SETUSER` of the page: for any Redis, and what a Cluster needs besides. */
const [any = [], besides = []] = readPage('docs/many-nodes.md', page)
  .snippets.flatMap(commandsOf)
  .filter(({ words }) => words.slice(0, 3).join(' ') === 'redis-cli ACL SETUSER')
  .map(({ words }) => words.slice(3));

const username = any[0] ?? '';
const password = any.find((rule) => rule.startsWith('>'))?.slice(1) ?? '';
const commandsIn = (rules: readonly string[]) =>
  rules.filter((rule) => rule.startsWith('+')).map((rule) => rule.slice(1));

const generous = { timeout: 90_000, interval: 50 };

/** The commands that were called so far, by anyone, from outside or by a script. */
async function callsOf(servers: readonly RedisServer[]): Promise<string[]> {
  const texts = await Promise.all(servers.map((server) => server.ask('INFO', 'commandstats')));
  const calls = texts.join('\n').matchAll(/^cmdstat_([^:]+):calls=[^0]/gm);
  return [...new Set(Array.from(calls, ([, name = '']) => name))];
}

/** The last of them are called when everybody has left. */
async function expectAllUsed(servers: readonly RedisServer[], rules: readonly string[]): Promise<void> {
  const unused = async () => {
    const used = await callsOf(servers);
    return commandsIn(rules).filter((command) => !used.includes(command));
  };
  await expect.poll(unused, generous).toEqual([]);
}

/** Nodes of one hub, in this process. */
async function startNodes(options: () => RedisConnectOptions) {
  const store = memoryStore();
  const start = async () => {
    const bus = redisBus(options());
    const registry = redisRegistry({ ...options(), leaseMs: 1_000 });
    // Hooks run last in, first out: the hub that is started next has ended before.
    onTestFinished(async () => {
      await bus.close();
      await registry.close();
    });
    return await startHub({ store, bus, registry });
  };
  return [await start(), await start()] as const;
}

/** A meeting of two nodes in which everything is done that nodes do with Redis, and nothing is refused. */
async function meet(servers: readonly RedisServer[], options: () => RedisConnectOptions): Promise<void> {
  const [here, there] = await startNodes(options);
  for (const { get } of [here, there])
    await vi.waitFor(async () => expect((await get('health')).status).toBe(200), generous);
  const viewers = [await here.viewer(), await there.viewer()];
  const said = speech(12, 3);
  const sender = await here.sender();
  await sender.say(said.pcm);
  // Partials have no other way to the other node than Redis.
  await Promise.all(viewers.map((viewer) => viewer.until('transcript.partial')));
  const counted = async () => await (await there.get('ws/stats')).json();
  await vi.waitFor(
    async () => expect(await counted()).toMatchObject({ subscribers: 2, ingests: 1 }),
    generous,
  );
  // What a node has heard is told the others now and then.
  await vi.waitFor(async () => expect(await callsOf(servers)).toContain('hlen'), generous);
  expect(await sender.finalize()).toEqual({ code: 1000, reason: 'done' });
  for (const viewer of viewers) await viewer.status('ended');
  await expectWords(here, { mic: said.words }, { viewers });
  for (const viewer of viewers) viewer.ws.close();
  await vi.waitFor(
    async () => expect(await counted()).toMatchObject({ subscribers: 0, ingests: 0 }),
    generous,
  );
  for (const server of servers) expect(await server.ask('ACL', 'LOG')).toEqual([]);
}

test.skipIf(!hasRedisServer)(
  'a user with the rights of the page can do all that nodes do',
  { timeout: 300_000 },
  async () => {
    const server = await startRedis();
    onTestFinished(() => server.close());
    await server.ask('ACL', 'SETUSER', ...any);
    const url = `redis://${username}:${password}@127.0.0.1:${server.port}`;
    await meet([server], () => ({ url }));
    await expectAllUsed([server], any);
  },
);

test.skipIf(!hasRedisServer)('with Cluster it needs a few rights more', { timeout: 300_000 }, async () => {
  const { nodes, servers, close } = await startCluster({ masters: 2 });
  onTestFinished(close);
  for (const server of servers) {
    await server.ask('ACL', 'SETUSER', ...any);
    await server.ask('ACL', 'SETUSER', ...besides);
  }
  const redisOptions = { username, password };
  await meet(servers, () => {
    const client = new Cluster(nodes, { redisOptions, lazyConnect: true });
    onTestFinished(() => client.disconnect());
    return { client };
  });
  await expectAllUsed(servers, besides);
});
