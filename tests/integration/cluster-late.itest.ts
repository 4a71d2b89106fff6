// A sender leaves a node that is too slow for it, which goes on with what it was asked for.

import { publish } from '@meetcast/client';
import { type FaultProxy, openFaultProxy } from '@meetcast/testing';
import { describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type ClusterNode, clusters, hasServers } from '../support/cluster.ts';
import { startBalancer } from '../support/cluster-balancer.ts';
import { speech, wordsIn } from '../support/speech.ts';
import { mintToken } from '../support/start-hub.ts';
import { finalsIn, logOf } from '../support/watched-meeting.ts';

const start = clusters();
const soon = { timeout: 90_000, interval: 20 };

/** What keeps a sender's first connection, and what lets it go on. */
const ways: [name: string, hold: (node: ClusterNode, link: FaultProxy, on: boolean) => void][] = [
  ['a handshake that was long on its way', (_node, link, on) => link.stall(on)],
  ['a place that was long in the finding', ({ toStore }, _link, on) => toStore.stall(on)],
];

describe.skipIf(!hasServers)('a sender that goes to another node', () => {
  test.each(ways)('[ING12, ING19] loses nothing to %s', { timeout: 300_000 }, async (_, hold) => {
    const cluster = await start({ nodes: 2, leaseMs: 2_000 });
    const [slow, well] = cluster.nodes as [ClusterNode, ClusterNode];
    const link = await openFaultProxy({ port: slow.hub.port });
    let ports = [link.port];
    const door = await startBalancer(() => ports);
    const tenant = `late-${Date.now().toString(36)}`;
    const publisher = publish({
      url: `http://127.0.0.1:${door.port}`,
      meeting: 'm',
      token: await mintToken({ tenant }),
      source: 'mic',
      sampleRate: 16_000,
      backoff: { minMs: 20, maxMs: 100 },
      connectTimeoutMs: 1_000,
      openSocket: (url, protocols) => {
        const socket = new WebSocket(url, protocols);
        socket.addEventListener('open', () => {
          if (ports[0] === link.port) hold(slow, link, true);
          ports = [well.hub.port];
        });
        return socket;
      },
    });
    try {
      const story: string[] = [];
      publisher.on('connection', ({ status, code }) => story.push(`${status} ${code ?? ''}`.trim()));
      await vi.waitFor(() => expect(story).toContain('connected'), soon);
      const said = speech(40, 3);
      const frames = Array.from({ length: Math.ceil(said.pcm.length / 3_200) }, (_, index) =>
        said.pcm.subarray(index * 3_200, (index + 1) * 3_200),
      );
      for (const [index, frame] of frames.entries()) {
        if (index === 60) {
          await vi.waitFor(() => expect(publisher.durableMs).toBeGreaterThan(0), soon);
          hold(slow, link, false);
        }
        publisher.write(new Uint8Array(frame)).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      await publisher.finalize();
      const log = await logOf(cluster.store, { tenant, id: 'm' });
      expect(wordsIn(finalsIn(log), 'mic')).toEqual(said.words);
      // A busy machine may take it more than one try; nobody tells it that it was replaced.
      expect(story.filter((step) => step.endsWith('4009'))).toEqual([]);
      expect(story.at(-1)).toBe('closed 1000');
    } finally {
      publisher.close();
      await door.close();
      await link.close();
    }
  });
});
