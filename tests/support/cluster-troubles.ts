/** What befalls a cluster: planned from a seed, brought about in time, and healed in the end. */
import type { FaultProxy } from '@meetcast/testing';
import type { Cluster, ClusterNode } from './cluster.ts';

/** `forMs`: until it is healed. Node numbers begin at 0. */
export type Trouble = { atMs: number; forMs: number } & (
  | { kind: 'kill' | 'freeze'; node: number }
  | { kind: 'empty Redis' }
  | { kind: 'cut'; from: 'Redis' | 'PostgreSQL'; how: 'refuse' | 'stall'; nodes: number[] }
  | { kind: 'drop clients' | 'stall clients'; share: number; salt: number }
);

export interface Weather {
  ms: number;
  nodes: number;
  /** How long one trouble lasts, at least and at most. */
  troubleMs: { min: number; max: number };
  /** Between the beginnings of two troubles, on average. */
  everyMs: number;
}

/** The same seed plans the same. No link and no process is in two troubles at a time. */
export function plan({ ms, nodes, troubleMs, everyMs }: Weather, random: () => number): Trouble[] {
  const troubles: Trouble[] = [];
  const busyUntil = new Map<string, number>();
  const below = (limit: number) => Math.floor(random() * limit);
  for (let atMs = everyMs * random(); atMs < ms; atMs += 2 * everyMs * random()) {
    const forMs = Math.round(troubleMs.min + (troubleMs.max - troubleMs.min) * random() ** 2);
    const trouble: Trouble = { atMs: Math.round(atMs), forMs, ...anyTrouble(nodes, random, below) };
    const needs = neededBy(trouble);
    if (needs.some((part) => (busyUntil.get(part) ?? 0) > atMs)) continue;
    for (const part of needs) busyUntil.set(part, atMs + forMs + restMs);
    troubles.push(trouble);
  }
  return troubles;
}

/** A node needs a moment to start, a server too. */
const restMs = 1_500;

type Kind<T> = T extends unknown ? Omit<T, 'atMs' | 'forMs'> : never;

function anyTrouble(nodes: number, random: () => number, below: (limit: number) => number): Kind<Trouble> {
  const node = below(nodes);
  const some = random() < 0.3 ? Array.from({ length: nodes }, (_, index) => index) : [node];
  const how = random() < 0.5 ? 'refuse' : 'stall';
  const clients = { share: 0.1 + 0.5 * random(), salt: below(1_000) };
  const kinds: Kind<Trouble>[] = [
    { kind: 'kill', node },
    { kind: 'kill', node },
    { kind: 'freeze', node },
    { kind: 'empty Redis' },
    { kind: 'cut', from: 'Redis', how, nodes: some },
    { kind: 'cut', from: 'PostgreSQL', how, nodes: some },
    { kind: 'drop clients', ...clients },
    { kind: 'stall clients', ...clients },
  ];
  return kinds[below(kinds.length)] ?? { kind: 'empty Redis' };
}

function neededBy(trouble: Trouble): string[] {
  if (trouble.kind === 'kill' || trouble.kind === 'freeze') return [`node ${trouble.node}`];
  if (trouble.kind === 'cut') return trouble.nodes.map((node) => `${trouble.from} of ${node}`);
  if (trouble.kind === 'empty Redis') return ['Redis'];
  return ['clients'];
}

/** Resolves when the last trouble is over. `clients` are the links of viewers and senders. */
export async function bringAbout(
  troubles: readonly Trouble[],
  cluster: Cluster,
  clients: readonly FaultProxy[],
): Promise<void> {
  const from = performance.now();
  await Promise.all(
    troubles.map(async (trouble) => {
      await pause(from + trouble.atMs - performance.now());
      await suffer(trouble, cluster, clients);
    }),
  );
}

async function suffer(trouble: Trouble, cluster: Cluster, clients: readonly FaultProxy[]): Promise<void> {
  const { forMs } = trouble;
  switch (trouble.kind) {
    case 'kill':
      return killed(nodeOf(cluster, trouble.node), forMs);
    case 'freeze':
      return frozen(nodeOf(cluster, trouble.node), forMs);
    case 'empty Redis':
      await cluster.redis.stop();
      await pause(forMs);
      return cluster.redis.restart();
    case 'cut': {
      const links = trouble.nodes.map((node) => {
        const { toRedis, toStore } = nodeOf(cluster, node);
        return trouble.from === 'Redis' ? toRedis : toStore;
      });
      return hurt(links, trouble.how, forMs);
    }
    case 'drop clients':
      for (const link of chosen(clients, trouble)) link.drop('rst');
      return;
    case 'stall clients':
      return hurt(chosen(clients, trouble), 'stall', forMs);
  }
}

async function killed({ hub, start }: ClusterNode, forMs: number): Promise<void> {
  await hub.kill();
  await pause(forMs);
  await start();
}

async function frozen({ hub }: ClusterNode, forMs: number): Promise<void> {
  hub.pause(true);
  await pause(forMs);
  hub.pause(false);
}

async function hurt(links: readonly FaultProxy[], how: 'refuse' | 'stall', forMs: number): Promise<void> {
  for (const link of links) link[how](true);
  await pause(forMs);
  for (const link of links) link[how](false);
}

const chosen = (clients: readonly FaultProxy[], { share, salt }: { share: number; salt: number }) =>
  clients.filter((_, index) => ((index * 7_919 + salt * 104_729) % 1_000) / 1_000 < share);

function nodeOf({ nodes }: Cluster, index: number): ClusterNode {
  const node = nodes[index];
  if (!node) throw new RangeError(`there is no node ${index}`);
  return node;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
