/** Redis servers of a test's own, on loopback and free ports, that can be stopped, emptied and frozen. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findProgram, freePort } from './programs.ts';

const program = findProgram(['redis-server', 'valkey-server']);

/** Tests that start servers here are skipped without one. */
export const hasRedisServer = program !== undefined;

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Ends it at once; connections are reset. */
  stop(): Promise<void>;
  /** Starts it on the same port, empty, after ending it if it runs. Resolves when it answers. */
  restart(): Promise<void>;
  /** Stops its process where it stands: nothing is answered, nothing is closed. */
  pause(): void;
  resume(): void;
  /** What a command says, sent over a connection of its own. */
  ask(command: string, ...args: (string | number)[]): Promise<unknown>;
  close(): Promise<void>;
}

/** `args` are those of redis-server. Without a port it takes a free one. */
export async function startRedis(options: { port?: number; args?: string[] } = {}): Promise<RedisServer> {
  const server = new OwnServer(options.port ?? (await freePort()), options.args ?? []);
  await server.restart();
  return server;
}

class OwnServer implements RedisServer {
  readonly url: string;
  readonly port: number;
  readonly #args: readonly string[];
  readonly #directory = mkdtempSync(join(tmpdir(), 'meetcast-redis-'));
  #process: ChildProcess | undefined;
  #log = '';

  constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#args = args;
  }

  async restart(): Promise<void> {
    if (!program) throw new Error('this machine has no redis-server');
    await this.stop();
    const settings = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const child = spawn(program, [...this.#args, ...settings, '--dir', this.#directory], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        this.#log = (this.#log + text).slice(-4_000);
      });
    }
    this.#process = child;
    await until(async () => child.exitCode !== null || (await this.ask('PING')) === 'PONG');
    if (child.exitCode !== null) throw new Error(`redis-server ended: ${this.#log}`);
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  ask(command: string, ...args: (string | number)[]): Promise<unknown> {
    return ask(this.port, command, ...args);
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

export interface SentinelSet {
  /** What `new Redis(options)` takes. */
  readonly options: { readonly sentinels: { host: string; port: number }[]; readonly name: string };
  /** The two servers; which of them is the master changes. */
  readonly servers: readonly RedisServer[];
  master(): Promise<RedisServer>;
  /** Lets the replica take over; resolves when it has. */
  failover(): Promise<void>;
  close(): Promise<void>;
}

const masterName = 'mymaster';

/** A replica would be made to wait five seconds for others of its kind. */
const syncAtOnce = ['--repl-diskless-sync-delay', '0'];

/** One master, one replica and one Sentinel that watches them. */
export async function startSentinel(): Promise<SentinelSet> {
  const first = await startRedis({ args: syncAtOnce });
  const second = await startRedis({ args: [...syncAtOnce, '--replicaof', '127.0.0.1', String(first.port)] });
  const servers = [first, second];
  await until(async () => String(await second.ask('INFO', 'replication')).includes('master_link_status:up'));
  const directory = mkdtempSync(join(tmpdir(), 'meetcast-sentinel-'));
  const file = join(directory, 'sentinel.conf');
  writeFileSync(file, sentinelSettings(first.port));
  const sentinel = await startRedis({ args: [file, '--sentinel'] });
  const masterPort = async () => {
    const address = await sentinel.ask('SENTINEL', 'get-master-addr-by-name', masterName);
    return Array.isArray(address) ? Number(address[1]) : 0;
  };
  await until(async () => String(await sentinel.ask('INFO', 'sentinel')).includes('slaves=1'));
  return {
    options: { sentinels: [{ host: '127.0.0.1', port: sentinel.port }], name: masterName },
    servers,
    async master() {
      const port = await masterPort();
      const master = servers.find((server) => server.port === port);
      if (!master) throw new Error(`Sentinel knows a master at ${port} only`);
      return master;
    },
    async failover() {
      const before = await masterPort();
      // Until Sentinel has looked at the replica it finds nobody to take over.
      await until(async () => (await sentinel.ask('SENTINEL', 'failover', masterName)) === 'OK');
      await until(async () => (await masterPort()) !== before);
    },
    async close() {
      await Promise.all([...servers, sentinel].map((server) => server.close()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const sentinelSettings = (port: number): string =>
  [
    `sentinel monitor ${masterName} 127.0.0.1 ${port} 1`,
    `sentinel down-after-milliseconds ${masterName} 1000`,
    `sentinel failover-timeout ${masterName} 5000`,
  ].join('\n');

export interface RedisCluster {
  /** What `new Cluster(nodes)` takes. */
  readonly nodes: { host: string; port: number }[];
  /** Each master, then its replica if it has one. */
  readonly servers: readonly RedisServer[];
  close(): Promise<void>;
}

/** Masters that share the slots evenly, each with a replica if asked for. */
export async function startCluster(
  options: { masters?: number; replicas?: boolean } = {},
): Promise<RedisCluster> {
  const count = options.masters ?? 3;
  const args = [...syncAtOnce, '--cluster-enabled', 'yes', '--cluster-node-timeout', '1500'];
  // The masters that are left go on, so that each has to be looked after by itself.
  args.push('--cluster-require-full-coverage', 'no');
  const start = () => Promise.all(Array.from({ length: count }, () => startClusterNode(args)));
  const masterNodes = await start();
  const replicaNodes = options.replicas ? await start() : [];
  const masters = masterNodes.map(({ server }) => server);
  const replicas = replicaNodes.map(({ server }) => server);
  const servers = [...masters, ...replicas];
  await Promise.all(
    masters.map((master, index) => {
      const from = Math.floor((index * 16_384) / count);
      const to = Math.floor(((index + 1) * 16_384) / count) - 1;
      return master.ask('CLUSTER', 'ADDSLOTSRANGE', from, to);
    }),
  );
  // Nodes that would be masters with one epoch argue about it first.
  for (const [index, server] of servers.entries()) await server.ask('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  for (const { server, talk } of [...masterNodes, ...replicaNodes])
    await masters[0]?.ask('CLUSTER', 'MEET', '127.0.0.1', server.port, talk);
  // A cluster that does not ask for every slot is `ok` before its nodes have heard of all of them.
  const knowsAll = (server: RedisServer) => async () => {
    const info = String(await server.ask('CLUSTER', 'INFO'));
    const facts = ['cluster_state:ok', 'cluster_slots_ok:16384', `cluster_known_nodes:${servers.length}`];
    return facts.every((fact) => info.includes(fact));
  };
  for (const server of servers) await until(knowsAll(server));
  for (const [index, replica] of replicas.entries()) {
    const id = String(await masters[index]?.ask('CLUSTER', 'MYID'));
    await replica.ask('CLUSTER', 'REPLICATE', id);
    await until(async () =>
      String(await replica.ask('INFO', 'replication')).includes('master_link_status:up'),
    );
  }
  return {
    nodes: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
    servers,
    async close() {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

/** With a free port for the nodes' own talk: by itself it would be ten thousand above the other. */
async function startClusterNode(args: string[]): Promise<{ server: RedisServer; talk: number }> {
  const talk = await freePort();
  return { server: await startRedis({ args: [...args, '--cluster-port', String(talk)] }), talk };
}

async function ask(port: number, command: string, ...args: (string | number)[]): Promise<unknown> {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    lazyConnect: true,
    retryStrategy: () => null,
    enableReadyCheck: false,
    connectTimeout: 2_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return await client.call(command, ...args);
  } finally {
    client.disconnect();
  }
}

/** Asks again and again, at most for twenty seconds; a question that fails is asked again too. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  let last: unknown;
  while (performance.now() < end) {
    try {
      if (await holds()) return;
    } catch (error) {
      last = error;
    }
    await sleep(20);
  }
  throw new Error('Redis did not get ready', { cause: last });
}
