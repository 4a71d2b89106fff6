// Every node of a cluster is replaced in mid-meeting, one after the other, as a deploy does.
import { describe, expect, test, vi } from 'vitest';
import { type Cluster, type ClusterNode, clusters, hasServers } from '../support/cluster.ts';
import { viewerAt } from '../support/cluster-peers.ts';
import type { Closing, Viewer } from '../support/peer.ts';
import { mintToken } from '../support/start-hub.ts';
import {
  expectWhole,
  finish,
  gather,
  leave,
  speak,
  type WatchedMeeting,
} from '../support/watched-meeting.ts';

const start = clusters();
const soon = { timeout: 120_000, interval: 20 };
/** Longer than a busy machine stands still. */
const closeSpreadMs = 4_000;
const restart = { code: 1012, reason: 'restart' };

const clientsOf = (all: readonly WatchedMeeting[]) =>
  all.flatMap(({ talkers, watchers }) => [
    ...talkers.map(({ voice, story }) => ({ client: voice.sender, story })),
    ...watchers.map(({ subscription, story }) => ({ client: subscription, story })),
  ]);

/** Plain sockets, which stay where they are until they are asked to leave. */
async function onlookersAt(node: ClusterNode, all: readonly WatchedMeeting[]): Promise<Viewer[]> {
  const places = all.flatMap(({ ref }) => Array.from({ length: 6 }, () => ref));
  // A database that is too slow for a moment refuses one: it comes again.
  const come = (meeting: string, tenant: string) =>
    vi.waitFor(() => viewerAt(node, { tenant, meeting }), soon);
  return await Promise.all(places.map(({ tenant, id }) => come(id, tenant)));
}

/** Closes a node as SIGTERM would, and sees everyone off. */
async function replace(
  node: ClusterNode,
  all: readonly WatchedMeeting[],
): Promise<{ spreadMs: number; backMs: number }> {
  const onlookers = await onlookersAt(node, all);
  const endings = onlookers.map(
    async (viewer): Promise<Closing & { at: number }> => ({
      ...(await viewer.closed),
      at: performance.now(),
    }),
  );
  const from = performance.now();
  const exited = node.hub.close();
  const ends = await Promise.all(endings);
  expect(ends.map(({ code, reason }) => ({ code, reason }))).toEqual(ends.map(() => restart));
  for (const onlooker of onlookers) expect(onlooker.of('error').at(-1)?.retryable).toBe(true);
  const instants = ends.map(({ at }) => at);
  const spreadMs = Math.max(...instants) - Math.min(...instants);
  expect(await exited, node.hub.said).toBe(0);
  const clients = clientsOf(all);
  await vi.waitFor(
    () => expect(clients.map(({ client }) => client.connection)).toEqual(clients.map(() => 'connected')),
    soon,
  );
  const backMs = performance.now() - from;
  await node.start();
  return { spreadMs: Math.round(spreadMs), backMs: Math.round(backMs) };
}

async function meetingsAt({ door }: Cluster, count: number): Promise<WatchedMeeting[]> {
  const tenant = `deploy-${Date.now().toString(36)}`;
  const token = await mintToken({ tenant });
  const url = () => `http://127.0.0.1:${door.port}`;
  const backoff = { minMs: 100, maxMs: 1_000 };
  return Array.from({ length: count }, (_, index) =>
    gather({
      ref: { tenant, id: `m-${index}` },
      viewers: 3,
      seed: 100 + index,
      speedUp: 1,
      url,
      token,
      backoff,
    }),
  );
}

describe.skipIf(!hasServers)('a deploy', () => {
  test('[LINK4] clients are asked to leave in turn, come back elsewhere, and nothing is lost', {
    timeout: 600_000,
  }, async () => {
    const cluster = await start({ nodes: 3, limits: { closeSpreadMs, heartbeatMs: 60_000 } });
    const all = await meetingsAt(cluster, 3);
    try {
      all.forEach(speak);
      for (const { watchers } of all)
        await vi.waitFor(() => expect(watchers[0]?.entries.length).toBeGreaterThan(3), soon);
      for (const node of cluster.nodes) {
        const figures = await replace(node, all);
        process.stdout.write(`deploy of ${node.name}: ${JSON.stringify(figures)}\n`);
        expect(figures.spreadMs).toBeGreaterThan(closeSpreadMs / 4);
      }
      await Promise.all(all.map(finish));
      for (const meeting of all) await expectWhole(cluster.store, meeting, { timeout: 120_000 });
      const breaks = clientsOf(all).flatMap(({ story }) =>
        story.filter((line) => line.includes(' reconnecting ')),
      );
      expect(breaks.length).toBeGreaterThan(0);
      // A machine so busy that the database does not answer in time may send them away once more (1011).
      const isSlow = cluster.nodes.some(({ hub }) => /timeout|no connection/i.test(hub.said));
      const asked = isSlow ? / reconnecting 101[12] / : / reconnecting 1012 /;
      expect(breaks.filter((line) => !asked.test(line))).toEqual([]);
    } finally {
      all.forEach(leave);
    }
  });
});
