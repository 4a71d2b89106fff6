/** Redis servers of a test's own, on loopback and free ports, that can be stopped, emptied and frozen. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@meetcast/testing';
import { Redis } from 'ioredis';
import { findProgram } from './programs.ts';

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
  for (let attempt = 1; ; attempt += 1) {
    const server = new OwnServer(options.port ?? (await freePort()), options.args ?? []);
    try {
      await server.restart();
      return server;
    } catch (error) {
      await server.close();
      // Another process may have taken the port since.
      if (options.port !== undefined || attempt === 3) throw error;
    }
  }
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
    await until(async () => child.exitCode !== null || (await this.#answersAs(child)));
    if (child.exitCode !== null) throw new Error(`redis-server ended: ${this.#log}`);
  }

  /** Whoever else has the port would answer too. */
  async #answersAs(child: ChildProcess): Promise<boolean> {
    if ((await this.ask('PING')) !== 'PONG') return false;
    return String(await this.ask('INFO', 'server')).includes(`process_id:${child.pid}\r`);
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

export interface SentinelOptions {
  /**
   * After how long a silence the replica takes over. Milliseconds. By default after none that a busy machine causes;
   * a Sentinel that was itself stopped for two seconds looks on for thirty.
   */
  downAfterMs?: number;
}

/** One master, one replica and one Sentinel that watches them. */
export async function startSentinel({ downAfterMs = 600_000 }: SentinelOptions = {}): Promise<SentinelSet> {
  const first = await startRedis({ args: syncAtOnce });
  const second = await startRedis({ args: [...syncAtOnce, '--replicaof', '127.0.0.1', String(first.port)] });
  const servers = [first, second];
  await until(async () => String(await second.ask('INFO', 'replication')).includes('master_link_status:up'));
  const directory = mkdtempSync(join(tmpdir(), 'meetcast-sentinel-'));
  const file = join(directory, 'sentinel.conf');
  writeFileSync(file, sentinelSettings(first.port, downAfterMs));
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

/** A failover that takes longer than its timeout is given up; Sentinel begins another one by itself, after twice as long. */
const sentinelSettings = (port: number, downAfterMs: number): string =>
  [
    `sentinel monitor ${masterName} 127.0.0.1 ${port} 1`,
    `sentinel down-after-milliseconds ${masterName} ${downAfterMs}`,
    `sentinel failover-timeout ${masterName} ${Math.max(5_000, downAfterMs)}`,
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
  // However long a replica has not heard its master, it may take over.
  args.push('--cluster-replica-validity-factor', '0');
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
  // A master votes for a replica only when it has heard whose it is.
  const knowsReplicas = (server: RedisServer) => async () =>
    String(await server.ask('CLUSTER', 'NODES')).match(/\bslave\b/g)?.length === replicas.length;
  if (replicas.length > 0) for (const server of servers) await until(knowsReplicas(server));
  // They met quickly; from here on nobody is given up because the machine was busy.
  const timeoutMs = options.replicas ? 4_000 : 600_000;
  for (const server of servers) await server.ask('CONFIG', 'SET', 'cluster-node-timeout', timeoutMs);
  for (const server of servers) await until(knowsAll(server));
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
    connectTimeout: 20_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return await client.call(command, ...args);
  } finally {
    client.disconnect();
  }
}

/** Asks again and again, at most for ninety seconds; a question that fails is asked again too. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 90_000;
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
