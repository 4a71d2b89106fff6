// Viewers in a cluster: how many there may be, and what they must never see.
import { describe, expect, test, vi } from 'vitest';
import { type ClusterNode, clusters, hasServers } from '../support/cluster.ts';
import { callerAt, getAt, senderAt, transcriptAt, viewerAt } from '../support/cluster-peers.ts';
import type { Viewer } from '../support/peer.ts';
import type { RedisServer } from '../support/redis-servers.ts';
import { expectUnbroken, type Speech, speech, wordsIn } from '../support/speech.ts';

const start = clusters();
/** Seats last on a machine that stands still for a while. */
const leaseMs = 4_000;
const seats = 20;
const full = { code: 4003, reason: 'connection_limit' };
const patient = { timeout: 90_000, interval: 50 };

const tenantOf = (test: string) => `${test}-${Date.now().toString(36)}`;
const nodeAt = (nodes: readonly ClusterNode[], index: number) => nodes[index % nodes.length] as ClusterNode;

/** By the clock of Redis no seat outlasts its node by more than a lease. */
async function expectLeases(redis: RedisServer, { tenant, meeting }: { tenant: string; meeting: string }) {
  const taken = await redis.ask('ZRANGE', `meetcast:{${tenant}/${meeting}}:seats`, 0, -1, 'WITHSCORES');
  const [seconds] = (await redis.ask('TIME')) as [string];
  // Pairs, or one after another: as the protocol has it.
  const ends = (taken as string[][])
    .flat()
    .filter((_, index) => index % 2 === 1)
    .map(Number);
  expect(ends).not.toEqual([]);
  expect(Math.max(...ends)).toBeLessThanOrEqual((Number(seconds) + 1) * 1_000 + leaseMs);
}

describe.skipIf(!hasServers)('seats', () => {
  test('[SUB11] the 21st viewer is refused on every node; those of a killed node are free within the lease', {
    timeout: 300_000,
  }, async () => {
    const { nodes, redis } = await start({ nodes: 3, leaseMs });
    const of = { tenant: tenantOf('seats'), meeting: 'm' };
    const seated: { viewer: Viewer; node: ClusterNode }[] = [];
    for (let index = 0; index < seats; index += 1) {
      const node = nodeAt(nodes, index);
      seated.push({ node, viewer: await viewerAt(node, of) });
    }
    for (const node of nodes) expect(await (await callerAt(node, of)).closed).toEqual(full);
    // Two leases later they still sit: seats are renewed.
    const countedAt = performance.now();
    await vi.waitFor(() => expect(performance.now() - countedAt).toBeGreaterThan(2 * leaseMs), patient);
    for (const node of nodes) expect(await (await callerAt(node, of)).closed).toEqual(full);

    const [dead, ...living] = nodes as [ClusterNode, ...ClusterNode[]];
    const lost = seated.filter(({ node }) => node === dead).length;
    await dead.hub.kill();
    await expectLeases(redis, of);
    const newcomers: Viewer[] = [];
    for (const node of [...living, ...living, ...living]) {
      await vi.waitFor(async () => {
        const caller = await callerAt(node, of);
        await caller.until('connected');
        newcomers.push(caller);
      }, patient);
    }
    while (newcomers.length < lost) newcomers.push(await viewerAt(nodeAt(living, newcomers.length), of));
    for (const node of living) expect(await (await callerAt(node, of)).closed).toEqual(full);
    const stays = seated.filter(({ node }) => node !== dead).map(({ viewer }) => viewer);
    for (const viewer of [...stays, ...newcomers]) expect(viewer.closing).toBeUndefined();
    const stats = await (await getAt(nodeAt(living, 0), 'ws/meetings/m/stats', of)).json();
    expect(stats).toMatchObject({ subscribers: seats });
  });
});

/** Meetings of the same names under two tenants, each with words and marks of its own. */
interface Guest {
  tenant: string;
  meeting: string;
  said: Speech;
  /** A word in which every tip, title and status of the meeting is. */
  mark: string;
}

/** Every byte that one reader of a meeting received, as text. */
interface Received {
  what: string;
  guest: Guest;
  text: () => string;
}

describe.skipIf(!hasServers)('isolation', () => {
  test('[AUTH5] nothing of a meeting reaches another meeting or tenant on any node, by any way', {
    timeout: 300_000,
  }, async () => {
    const { nodes } = await start({ nodes: 3, leaseMs });
    const guests: Guest[] = ['left', 'right'].flatMap((side, place) => {
      const tenant = tenantOf(side);
      return ['m', 'n', 'm:n'].map((meeting, index) => {
        const said = speech(25, 50 + 10 * place + index);
        return { tenant, meeting, said, mark: `mark-${side}-${index}-` };
      });
    });
    const everywhere = guests.flatMap((guest) => nodes.map((node) => ({ guest, node })));
    const received: Received[] = [];
    const left = new AbortController();
    const viewers = await Promise.all(
      everywhere.map(async ({ guest, node }) => {
        const viewer = await viewerAt(node, guest);
        const bytes = () => Buffer.concat(viewer.bytes).toString();
        received.push({ what: `a viewer at ${node.name}`, guest, text: bytes });
        const { signal } = left;
        const { body } = await getAt(node, `meetings/${guest.meeting}/events`, guest, { signal });
        const texts = collected(body);
        received.push({ what: `an event stream at ${node.name}`, guest, text: () => texts.join('') });
        return { viewer, guest };
      }),
    );
    await Promise.all(guests.map((guest, index) => attend(nodes, guest, index)));
    for (const { viewer, guest } of viewers) {
      await viewer.status('ended');
      expectUnbroken(viewer, 1);
      expect(wordsIn(viewer.finals, 'mic')).toEqual(guest.said.words);
    }
    for (const { guest, node } of everywhere) {
      expect(wordsIn(await transcriptAt(node, guest), 'mic')).toEqual(guest.said.words);
      for (const path of ['/events?limit=1000', '/transcript?limit=1000', '/transcript?format=txt', '']) {
        const text = await (await getAt(node, `meetings/${guest.meeting}${path}`, guest)).text();
        received.push({ what: `GET …${path} at ${node.name}`, guest, text: () => text });
      }
    }
    for (const { what, guest, text } of received) {
      const whose = guests.filter(({ mark }) => text().includes(mark));
      expect(
        whose.filter((other) => other !== guest),
        `${what} of ${guest.mark}`,
      ).toEqual([]);
      if (/viewer|events?/.test(what)) expect(whose, `${what} of ${guest.mark}`).toEqual([guest]);
      const ids = [...text().matchAll(/"meeting_id":"([^"]*)"/g)].map(([, id]) => id);
      expect(ids.filter((id) => id !== guest.meeting)).toEqual([]);
    }
    left.abort();
  });
});

/** Speaks at one node, and posts tips at the others meanwhile. */
async function attend(nodes: readonly ClusterNode[], guest: Guest, index: number): Promise<void> {
  const sender = await senderAt(nodeAt(nodes, index), { ...guest, session: `${guest.mark}session` });
  const spoken = sender.say(guest.said.pcm, { frameBytes: 3_200, everyMs: 30 });
  for (let count = 0; count < 12; count += 1) {
    const body = JSON.stringify({ type: 'ai.tip', tip: `${guest.mark}tip ${count}` });
    const path = `meetings/${guest.meeting}/events`;
    const answer = await getAt(nodeAt(nodes, index + count), path, guest, { method: 'POST', body });
    expect(answer.status).toBe(201);
  }
  await spoken;
  expect((await sender.finalize()).code).toBe(1000);
}

/** The text that comes, as it comes. */
function collected(body: ReadableStream<Uint8Array<ArrayBuffer>> | null): string[] {
  const texts: string[] = [];
  const read = async () => {
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read())
      texts.push(part.value);
  };
  read().catch(() => {});
  return texts;
}
