/** Hubs in processes of their own on one Redis and one PostgreSQL, whose every link can be cut alone. */

import type { Limits, Store } from '@meetcast/server';
import { postgresStore } from '@meetcast/server/postgres';
import {
  type DeepgramSimulator,
  type FaultProxy,
  openFaultProxy,
  startDeepgramSimulator,
} from '@meetcast/testing';
import { afterAll, beforeAll, expect, inject, onTestFailed, onTestFinished, vi } from 'vitest';
import { type Balancer, startBalancer } from './cluster-balancer.ts';
import { bundleHub, HubProcess, type HubProcessSettings } from './hub-process.ts';
import { hasRedisServer, type RedisServer, startRedis } from './redis-servers.ts';
import { secret, unhurried } from './start-hub.ts';

export interface ClusterOptions {
  nodes: number;
  leaseMs?: number;
  limits?: Partial<Limits>;
  /** Whether channels are heard apart. Default false. */
  multichannel?: boolean;
  recovery?: HubProcessSettings['recovery'];
  /** Of the first node. */
  unheard?: HubProcessSettings['unheard'];
}

export interface ClusterNode {
  readonly name: string;
  readonly hub: HubProcess;
  /** Its own ways to the servers that the nodes share. */
  readonly toRedis: FaultProxy;
  readonly toStore: FaultProxy;
  /** Starts it again on its port; resolves when it listens. */
  start(): Promise<void>;
  health(): Promise<{ status: number; body: { redis: string; storage: string } }>;
}

export interface Cluster {
  readonly nodes: readonly ClusterNode[];
  readonly redis: RedisServer;
  readonly simulator: DeepgramSimulator;
  /** Straight to PostgreSQL, past every fault. */
  readonly store: Store;
  readonly leaseMs: number;
  /** Where clients go that do not care which node they get. */
  readonly door: Balancer;
  /** Its end: also when the test is finished. */
  close(): Promise<void>;
}

/** Tests with clusters are skipped without them. */
export const hasServers = hasRedisServer && inject('pgUrl') !== null;

/** Bundles the hub for the tests of a file, which may start clusters of it. */
export function clusters(): (options: ClusterOptions) => Promise<Cluster> {
  let bundle: Awaited<ReturnType<typeof bundleHub>> | undefined;
  beforeAll(async () => {
    bundle = await bundleHub();
  });
  afterAll(() => bundle?.remove());
  return (options) =>
    startCluster({ ...options, program: bundle?.program ?? '', pgUrl: inject('pgUrl') ?? '' });
}

interface Parts extends ClusterOptions {
  /** The bundled child. */
  program: string;
  pgUrl: string;
}

/** Frozen and dead links are noticed sooner than by default. */
const clusterLimits: Partial<Limits> = { ...unhurried, heartbeatMs: 3_000 };

async function startCluster(options: Parts): Promise<Cluster> {
  const { program, pgUrl, leaseMs = 3_000, limits, multichannel = false, recovery, unheard } = options;
  const ends: (() => unknown)[] = [];
  let closing: Promise<void> | undefined;
  const end = async () => {
    for (const step of ends.reverse()) await step();
  };
  const close = () => {
    closing ??= end();
    return closing;
  };
  onTestFinished(close);

  const simulator = await startDeepgramSimulator({ pace: 0 });
  ends.push(() => simulator.close());
  const redis = await startRedis();
  ends.push(() => redis.close());
  const store = postgresStore({ url: pgUrl });
  ends.push(() => store.close());
  await store.ping(); // Its tables are there before three nodes would make them at once.

  const nodes: ClusterNode[] = [];
  for (let index = 0; index < options.nodes; index += 1) {
    const toRedis = await openFaultProxy({ port: redis.port });
    const toStore = await openFaultProxy({ port: Number(new URL(pgUrl).port) });
    const hub = new HubProcess(program, {
      store: { url: through(pgUrl, toStore) },
      redis: { url: `redis://127.0.0.1:${toRedis.port}`, leaseMs },
      simulatorUrl: simulator.url,
      secret,
      port: 0,
      limits: { ...clusterLimits, ...limits },
      multichannel,
      ...(recovery === undefined ? {} : { recovery }),
      ...(unheard === undefined || index > 0 ? {} : { unheard }),
      dawdleMs: 0,
    });
    ends.push(() => Promise.all([hub.kill(), toRedis.close(), toStore.close()]));
    onTestFailed(() => void process.stderr.write(`node ${index} said: ${hub.said}\n`));
    nodes.push(nodeOf(`node ${index}`, { hub, toRedis, toStore }));
  }
  await Promise.all(nodes.map((node) => node.start()));
  // Until a node has met Redis it decides alone.
  const isWell = async (node: ClusterNode) => expect((await node.health()).status).toBe(200);
  for (const node of nodes) await vi.waitFor(() => isWell(node), { timeout: 90_000 });
  const door = await startBalancer(() => nodes.map(({ hub }) => hub.port));
  ends.push(() => door.close());
  return { nodes, redis, simulator, store, leaseMs, door, close };
}

function nodeOf(name: string, parts: Pick<ClusterNode, 'hub' | 'toRedis' | 'toStore'>): ClusterNode {
  return {
    name,
    ...parts,
    start: () => parts.hub.begin().listening,
    async health() {
      const answer = await fetch(`http://127.0.0.1:${parts.hub.port}/api/v1/health`);
      return { status: answer.status, body: await answer.json() };
    },
  };
}

function through(url: string, { port }: FaultProxy): string {
  const address = new URL(url);
  address.hostname = '127.0.0.1';
  address.port = String(port);
  return address.href;
}
