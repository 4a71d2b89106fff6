/** A process whose Redis adapters were closed ends by itself, whatever Redis does, and they have printed nothing. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@meetcast/testing';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { faultProxy } from '../support/fault-proxy.ts';
import { hasRedisServer, startCluster, startRedis, startSentinel } from '../support/redis-servers.ts';

const tests = fileURLToPath(new URL('..', import.meta.url));
const directory = join(tests, 'dist', `redis-${process.pid}-${Date.now()}`);

/** Opens both adapters, waits for `when`, closes them (twice) and has nothing left to do. */
const program = (expression: string, when: string) => `
  import { Cluster, Redis } from 'ioredis';
  import { redisBus, redisRegistry } from './redis.js';
  const options = ${expression};
  const bus = redisBus(options);
  const registry = redisRegistry(options);
  const meeting = { tenant: 'acme', id: 'exit' };
  await bus.subscribe(meeting, () => {});
  await registry.seat(meeting, 'connection', 20);
  const changed = () => new Promise((resolve) => bus.remote.watch(resolve));
  /** A Redis that is slow to answer is away until it does. */
  const there = async () => {
    for (let isThere = false; !isThere; )
      isThere = await bus.remote.ping().then(() => true, () => new Promise((r) => setTimeout(r, 50)));
  };
  await ${when};
  await Promise.all([bus.close(), bus.close(), registry.close()]);
  await bus.close();
`;

interface Ended {
  readonly code: number | null;
  readonly printed: string;
}

async function run(expression: string, when: string): Promise<Ended> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program(expression, when)], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      printed += text;
    });
  }
  // A process that hangs is ended here, and then has no exit code.
  const late = setTimeout(() => child.kill('SIGKILL'), 90_000);
  const [code] = await once(child, 'close');
  clearTimeout(late);
  return { code, printed };
}

describe.skipIf(!hasRedisServer)('a closed bus and registry', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    mkdirSync(directory, { recursive: true });
    await build({
      entry: { redis: join(tests, '..', 'packages', 'server', 'src', 'redis.ts') },
      outDir: directory,
      format: ['esm'],
      target: 'node20',
      config: false,
      silent: true,
      noExternal: [/^@meetcast\//, 'zod'],
      external: ['ws', 'ioredis'],
    });
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('with Redis there', async () => {
    const server = await startRedis();
    onTestFinished(() => server.close());
    expect(await run(JSON.stringify({ url: server.url }), 'there()')).toEqual({
      code: 0,
      printed: '',
    });
  });

  test.each(['undefined', 'changed()'])('with Redis never there: %s', async (when) => {
    const options = { url: `redis://127.0.0.1:${await freePort()}` };
    expect(await run(JSON.stringify(options), when)).toEqual({ code: 0, printed: '' });
  });

  test.each(['undefined', 'changed()'])('with a Redis that never answers: %s', async (when) => {
    const server = await startRedis();
    const proxy = await faultProxy(server);
    onTestFinished(async () => {
      await proxy.close();
      await server.close();
    });
    proxy.stall(true);
    const options = { url: `redis://127.0.0.1:${proxy.port}` };
    expect(await run(JSON.stringify(options), when)).toEqual({ code: 0, printed: '' });
  });

  test('with a Sentinel, there and gone', async () => {
    const sentinel = await startSentinel();
    onTestFinished(() => sentinel.close());
    const client = `{ client: new Redis({ ...${JSON.stringify(sentinel.options)}, lazyConnect: true }) }`;
    expect(await run(client, 'there()')).toEqual({ code: 0, printed: '' });
    await sentinel.close();
    expect(await run(client, 'changed()')).toEqual({ code: 0, printed: '' });
  });

  test('with a cluster, there and gone', async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.close());
    const client = `{ client: new Cluster(${JSON.stringify(cluster.nodes)}, { lazyConnect: true }) }`;
    expect(await run(client, 'there()')).toEqual({ code: 0, printed: '' });
    await cluster.close();
    expect(await run(client, 'changed()')).toEqual({ code: 0, printed: '' });
  });
});
