/** `meetcast serve` as one node of many: what it says of Redis, and what two of them do together. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Health, HubStats } from '@meetcast/protocol';
import { speak } from '@meetcast/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createBalancer } from '../../../../examples/two-nodes/src/balancer.js';
import { type ServedHub, serveHub } from '../support/hub.ts';
import { read, say, sender, textOf } from '../support/meeting.ts';
import { hasPostgres, newPostgres } from '../support/postgres.ts';
import { hasRedis, newRedis } from '../support/redis.ts';
import { type RunningCli, runCli, startCli, temporaryDirectory } from '../support/run-cli.ts';

const together = test.skipIf(!hasRedis);

interface Seen {
  event: string;
  seq?: number;
  text?: string;
}

const finalsOf = ({ events }: RunningCli): string =>
  (events as Seen[])
    .flatMap(({ event, text }) => (event === 'transcript.final' ? (text ?? '') : []))
    .join(' ');

async function redisHealth(url: string): Promise<{ status: number; redis: Health['redis'] }> {
  const response = await fetch(`${url}/api/v1/health`);
  const { redis } = (await response.json()) as Health;
  return { status: response.status, redis };
}

const generous = { timeout: 60_000, interval: 50 };
const becomes = (url: string, health: Awaited<ReturnType<typeof redisHealth>>) =>
  vi.waitFor(async () => expect(await redisHealth(url)).toEqual(health), generous);

/** Two nodes in one folder, or on one database. */
async function twoNodes(env: Record<string, string>): Promise<[ServedHub, ServedHub]> {
  const cwd = await temporaryDirectory();
  const nodes = await Promise.all([serveHub([], env, cwd), serveHub([], env, cwd)]);
  for (const { url } of nodes) await becomes(url, { status: 200, redis: 'ok' });
  return nodes;
}

/** What is sent to one is seen at the other, and stored once. */
async function areOne([here, there]: readonly [ServedHub, ServedHub]): Promise<void> {
  const viewer = startCli(['subscribe', '--meeting', 'm', '--until', 'ended', '--json'], { env: there.env });
  await viewer.event('connection');
  const said = 'hello thank you good morning all';
  await say(here.url, said);
  await viewer.ended;
  expect(finalsOf(viewer)).toBe(said);
  for (const { url } of [here, there]) expect(textOf(await read(url))).toBe(said);
}

together('two nodes on one folder are one hub', async () => {
  const redis = await newRedis();
  await redis.start();
  const nodes = await twoNodes({ REDIS_URL: redis.url });
  for (const { cli } of nodes) {
    const [, port] = await cli.said(
      /one node of the cluster on this machine .* in meetcast-data and Redis at .*:(\d+)/,
    );
    expect(Number(port)).toBe(redis.port);
  }
  await areOne(nodes);
});

test.skipIf(!hasRedis || !hasPostgres)('two nodes on one PostgreSQL are one hub', async () => {
  const [redis, postgres] = await Promise.all([newRedis(), newPostgres()]);
  await Promise.all([redis.start(), postgres.start()]);
  const nodes = await twoNodes({ REDIS_URL: redis.url, DATABASE_URL: postgres.url });
  for (const { cli } of nodes) await cli.said(/one node of the cluster on this PostgreSQL and Redis at/);
  await areOne(nodes);
});

together('SIGTERM of a node: its sender and its viewers go on at the other, without a gap', async () => {
  const redis = await newRedis();
  await redis.start();
  const nodes = await twoNodes({ REDIS_URL: redis.url });
  const balancer = createBalancer(nodes.map(({ url }) => Number(new URL(url).port)));
  await once(balancer.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void balancer.close());
  const url = `http://127.0.0.1:${(balancer.address() as AddressInfo).port}`;
  const env = { ...nodes[0].env, MEETCAST_URL: url };

  // The balancer takes turns: one viewer for each node, and the sender to the first.
  const watch = ['subscribe', '--meeting', 'm', '--until', 'ended', '--json'];
  const viewers: RunningCli[] = [];
  for (const _ of nodes) {
    const viewer = startCli(watch, { env });
    viewers.push(viewer);
    await viewer.event('connection');
  }
  const publisher = sender(url);
  onTestFinished(() => publisher.close());
  await publisher.write(speak('hello thank you', { sampleRate: 16_000 }));
  await Promise.all(viewers.map((viewer) => viewer.event<Seen>('transcript.final')));

  nodes[0].cli.signal('SIGTERM');
  expect(await nodes[0].cli.ended).toMatchObject({ code: 0 });
  await publisher.write(speak('good morning all', { sampleRate: 16_000 }));
  await publisher.finalize();
  for (const viewer of viewers) {
    expect(await viewer.ended).toMatchObject({ code: 0 });
    expect(finalsOf(viewer)).toBe('hello thank you good morning all');
    expect((viewer.events as Seen[]).map(({ event }) => event)).not.toContain('reset');
    const seqs = (viewer.events as Seen[]).flatMap(({ seq }) => seq ?? []);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  }
});

together('a Redis that starts after its hub is waited for; one that stops is missed', async () => {
  const redis = await newRedis();
  const { url, cli } = await serveHub([], { REDIS_URL: redis.url });
  const where = `Redis at 127\\.0\\.0\\.1:${redis.port}`;
  await cli.said(
    new RegExp(`${where} cannot be reached \\(.+\\)\\. Until it is back, this node works alone`),
  );
  expect(await redisHealth(url)).toEqual({ status: 503, redis: 'down' });
  await say(url, 'hello thank you');
  expect(textOf(await read(url))).toBe('hello thank you');

  await redis.start();
  await cli.said(new RegExp(`${where} is connected`));
  await becomes(url, { status: 200, redis: 'ok' });
  await redis.stop();
  await becomes(url, { status: 503, redis: 'down' });
  cli.signal('SIGTERM');
  expect(await cli.ended).toMatchObject({ code: 0 });
  const told = (cli.events as Array<{ event: string; status?: string }>).filter(
    ({ event }) => event === 'redis',
  );
  expect(told.map(({ status }) => status)).toEqual(['down', 'ok', 'down']);
});

test('nodes with nothing in common are refused, and Redis passwords are never shown', async () => {
  const cwd = await temporaryDirectory();
  const env = { REDIS_URL: 'redis://u:hunter2@127.0.0.1:2' };
  const refused = await runCli(['serve', '--port', '0', '--memory'], { cwd, env });
  expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('DATABASE_URL') });
  expect(await readdir(cwd)).toEqual([]);
  const { cli } = await serveHub([], env, cwd);
  const run = await said(cli, /Redis at 127\.0\.0\.1:2 cannot be reached/);
  expect(refused.stderr + run).not.toContain('hunter2');
});

test('without a secret, nodes on one folder share the one they make; others are warned', async () => {
  const cwd = await temporaryDirectory();
  const env = { SECRET_KEY: '', REDIS_URL: 'redis://127.0.0.1:2' };
  const nodes = await Promise.all(Array.from({ length: 3 }, () => serveHub([], env, cwd)));
  const secret = await readFile(join(cwd, 'meetcast-data/secret.key'), 'utf8');
  for (const { url } of nodes) {
    const args = ['transcript', '--meeting', 'm', '--url', url, '--secret', secret.trim()];
    expect(await runCli(args)).toMatchObject({ code: 0 });
  }
  const alone = await serveHub([], { ...env, DATABASE_URL: 'postgres://127.0.0.1:2/x' });
  await alone.cli.said(/Set the same SECRET_KEY on all of them/);
});

together('rediss:// is Redis over TLS, with a password', async () => {
  const cwd = await temporaryDirectory();
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem'];
  const made = ['req', '-x509', ...key, '-out', 'cert.pem', '-days', '1', ...name];
  execFileSync('openssl', made, { cwd, stdio: 'pipe' });
  const [cert, pem] = [join(cwd, 'cert.pem'), join(cwd, 'key.pem')];
  const redis = await newRedis((port) => [
    ...['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no', '--requirepass', 'hunter2'],
    ...['--tls-cert-file', cert, '--tls-key-file', pem],
  ]);
  await redis.start();
  const env = { REDIS_URL: `rediss://:hunter2@localhost:${redis.port}`, NODE_EXTRA_CA_CERTS: cert };
  const { url, cli } = await serveHub([], env, cwd);
  await becomes(url, { status: 200, redis: 'ok' });
  await say(url, 'hello thank you');
  const stats = (await (await fetch(`${url}/api/v1/ws/stats`)).json()) as HubStats;
  expect(stats.ingests).toBeLessThanOrEqual(1);
  expect(cli.stderr).not.toContain('hunter2');
});

async function said(cli: RunningCli, pattern: RegExp): Promise<string> {
  await cli.said(pattern);
  return cli.stderr;
}
