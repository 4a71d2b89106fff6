// Two sessions on two nodes want the same source: whoever was replaced, awake or not, writes nothing more.
import type { LoggedEvent } from '@meetcast/protocol';
import type { Store } from '@meetcast/server';
import { describe, expect, test, vi } from 'vitest';
import { type ClusterNode, clusters, hasServers } from '../support/cluster.ts';
import { applicantAt, senderAt, viewerAt } from '../support/cluster-peers.ts';
import type { Sender } from '../support/peer.ts';
import { expectUnbroken, type Speech, speech, wordsIn } from '../support/speech.ts';
import { expectLog, finalsIn, logOf } from '../support/watched-meeting.ts';

const start = clusters();
/** What is held stays held on a machine that stands still for a while. */
const leaseMs = 5_000;
const soon = { timeout: 90_000, interval: 20 };
const sources = ['mic', 'system'] as const;
const superseded = { code: 4009, reason: 'superseded' };

/** About twice the pace of life. */
const pace = { frameBytes: 3_200, everyMs: 50 };

const tenantOf = (test: string) => `${test}-${Date.now().toString(36)}`;

/** Tries until the source is free; resolves with the accepted sender. */
async function takeOver(node: ClusterNode, of: Parameters<typeof applicantAt>[1]): Promise<Sender> {
  return await vi.waitFor(async () => {
    const applicant = await applicantAt(node, of);
    await applicant.until('handshake_ack', ({ status }) => status === 'success');
    return applicant;
  }, soon);
}

/** One source of a meeting that is taken over: who said what, and where in the log the other began. */
interface Takeover {
  ref: { tenant: string; id: string };
  source: (typeof sources)[number];
  first: { sender: Sender; said: Speech };
  second: { sender: Sender; said: Speech };
  /** The log's head when the second was accepted. */
  at: number;
}

/** Every entry after the takeover is the second's: its words whole, and nothing of the first's. */
async function expectTakenOver(store: Store, { ref, source, first, second, at }: Takeover): Promise<void> {
  const log = await logOf(store, ref);
  expectLog(log, ref.id);
  const of = (events: LoggedEvent[]) => wordsIn(finalsIn(events), source);
  const before = of(log.filter(({ seq }) => seq <= at));
  expect(before).toEqual(first.said.words.slice(0, before.length));
  expect(of(log.filter(({ seq }) => seq > at))).toEqual(second.said.words);
  const concerns = log.filter((event) => event.type === 'status' && event.details?.source === source);
  const statuses = concerns.map((event) => (event.type === 'status' ? event.status : ''));
  // "ended" is in the log only for the last source of the meeting.
  expect(statuses.filter((status) => status !== 'ended')).toEqual(['live', 'live']);
  // What the first had said and nobody wrote down is told before the second begins.
  const [, live] = concerns;
  const gaps = log.filter((event) => event.type === 'gap').filter((gap) => gap.source === source);
  expect(gaps.length).toBeLessThanOrEqual(1);
  for (const { seq, cause } of gaps) {
    expect(cause).toBe('hub_failed');
    expect(seq).toBeLessThan(live?.seq ?? 0);
  }
  const durableMs = second.sender.of('ack').at(-1)?.durable_ms ?? 0;
  expect(await store.covered(ref, source)).toBe(durableMs);
}

describe.skipIf(!hasServers)('a claim that was replaced', () => {
  test('[REG1, ING19] its holder, frozen past the lease and woken, writes not a single entry', {
    timeout: 300_000,
  }, async () => {
    const cluster = await start({ nodes: 2, leaseMs });
    const [one, two] = cluster.nodes as [ClusterNode, ClusterNode];
    const tenant = tenantOf('frozen');
    const watched = await viewerAt(two, { tenant, meeting: 'm-0' });
    // It stops in the middle of transactions: each statement takes a while to arrive.
    one.toStore.delay(15);
    const all = ['m-0', 'm-1', 'm-2'].flatMap((meeting, index) =>
      sources.map((source, place) => ({ tenant, meeting, source, seed: 10 * index + place })),
    );
    const firsts = await Promise.all(
      all.map(async (of) => {
        const said = speech(80, of.seed);
        const sender = await senderAt(one, { ...of, session: 'first' });
        void sender.say(said.pcm, pace);
        return { sender, said };
      }),
    );
    await watched.until('transcript.final');
    one.hub.pause(true);
    const early = await applicantAt(two, { tenant, meeting: 'm-0', source: 'mic', session: 'second' });
    expect((await early.closed).code).toBe(4002);

    const takeovers = await Promise.all(
      all.map(async (of, index): Promise<Takeover> => {
        const sender = await takeOver(two, { ...of, session: 'second' });
        const ref = { tenant, id: of.meeting };
        const { seq: at } = await cluster.store.head(ref);
        const second = { sender, said: speech(20, of.seed + 100) };
        const first = firsts[index] as Takeover['first'];
        return { ref, source: of.source, first, second, at };
      }),
    );
    const ended = takeovers.map(async ({ second: { sender, said } }) => {
      await sender.say(said.pcm, pace);
      return await sender.finalize();
    });
    await watched.until('transcript.final', ({ seq }) => seq > (takeovers[0]?.at ?? 0));
    one.hub.pause(false);
    for (const { first } of takeovers) expect(await first.sender.closed).toEqual(superseded);
    for (const end of ended) expect((await end).code).toBe(1000);
    for (const takeover of takeovers) await expectTakenOver(cluster.store, takeover);
    await watched.until('status', ({ status }) => status === 'ended');
    expectUnbroken(watched, 1);
  });

  test.each([
    ['the old node', [0]],
    ['the new node', [1]],
    ['both', [0, 1]],
  ])(
    '[REG1] Redis away from %s: the store decides, and one of them goes on',
    { timeout: 300_000 },
    async (_, cut) => {
      const cluster = await start({ nodes: 2, leaseMs });
      const [one, two] = cluster.nodes as [ClusterNode, ClusterNode];
      const of = { tenant: tenantOf('cut'), meeting: 'm', source: 'mic' as const };
      const ref = { tenant: of.tenant, id: of.meeting };
      const viewers = await Promise.all([viewerAt(one, of), viewerAt(two, of)]);
      const first = { sender: await senderAt(one, { ...of, session: 'first' }), said: speech(400, 1) };
      void first.sender.say(first.said.pcm, pace);
      await viewers[1]?.until('transcript.final');
      for (const index of cut) cluster.nodes[index]?.toRedis.stall(true);
      const second = {
        sender: await takeOver(two, { ...of, session: 'second' }),
        said: speech(20, 2),
      };
      await second.sender.say(second.said.pcm, pace);
      const told = await second.sender.until('transcript.final');
      expect(await first.sender.closed).toEqual(superseded);
      for (const { toRedis } of cluster.nodes) toRedis.stall(false);
      expect((await second.sender.finalize()).code).toBe(1000);

      const at = told.seq - 1;
      await expectTakenOver(cluster.store, { ref, source: 'mic', first, second, at });
      for (const viewer of viewers) {
        await viewer.until('status', ({ status, seq }) => status === 'ended' && seq !== undefined);
        expectUnbroken(viewer, 1);
        expect(viewer.finals).toEqual(finalsIn(await logOf(cluster.store, ref)));
      }
    },
  );
});
