// A node is killed, and its senders do not come back: the nodes that are left say what became of them.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoggedEvent, Source } from '@meetcast/protocol';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { bytesAt, done, entriesIn, statusesIn } from '../support/broken-off.ts';
import { type Cluster, type ClusterNode, clusters, hasServers } from '../support/cluster.ts';
import { applicantAt, senderAt, viewerAt } from '../support/cluster-peers.ts';
import type { Sender } from '../support/peer.ts';
import { expectUnbroken, type Speech, speech, wordsIn } from '../support/speech.ts';
import { finalsIn } from '../support/watched-meeting.ts';

const start = clusters();
const leaseMs = 2_000;
const limits = { graceMs: 2_000 };
const soon = { timeout: 30_000, interval: 20 };
const meeting = 'm';

const tenantOf = (test: string) => `${test}-${Date.now().toString(36)}`;
const gapsIn = (entries: readonly LoggedEvent[]) => entries.filter((entry) => entry.type === 'gap');
const logIn = ({ store }: Cluster, tenant: string) => entriesIn(store, { tenant, id: meeting });

/** Resolves when every node knows of so many sources that they were heard up to here. */
async function known({ redis }: Cluster, tenant: string, toMs: number, sources = 1): Promise<void> {
  const key = `meetcast:{${tenant}/${meeting}}:notes`;
  await vi.waitFor(async () => {
    const notes = (await redis.ask('HVALS', key)) as string[];
    const there = notes.filter((note) => Math.floor(Number(note.split(' ')[4])) === toMs);
    expect(there).toHaveLength(sources);
  }, soon);
}

/** Says something that nobody hears, after something that is stored; resolves when every node knows how much that was. */
async function sayUnheard(cluster: Cluster, senders: readonly Sender[], tenant: string): Promise<number[]> {
  const [heard, unheard] = [speech(11, 71), speech(20, 72)];
  for (const sender of senders) {
    await sender.say(heard.pcm);
    await sender.until('transcript.final');
  }
  cluster.simulator.fault({ kind: 'away' });
  for (const sender of senders) await sender.say(unheard.pcm);
  const toMs = Math.floor(heard.ms + unheard.ms);
  for (const sender of senders) await sender.received(toMs);
  await known(cluster, tenant, toMs, senders.length);
  return [heard.ms, toMs];
}

/** Resolves when the lease of the killed node is over. */
async function lapsed({ redis }: Cluster, tenant: string): Promise<void> {
  const leftMs = async () => {
    const claim = await redis.ask('HGET', `meetcast:{${tenant}/${meeting}}:claims`, 'mic');
    const [seconds = 0] = (await redis.ask('TIME')) as number[];
    return Number(String(claim).split(' ')[2]) - seconds * 1_000;
  };
  await vi.waitFor(async () => expect(await leftMs()).toBeLessThanOrEqual(0), soon);
}

/** Resolves when no node has anything left to say of claims that were not given back. */
const allSettled = ({ redis }: Cluster) =>
  vi.waitFor(async () => expect(await redis.ask('ZCARD', 'meetcast:{totals}:claims')).toBe(0), soon);

describe.skipIf(!hasServers)('the sources of a killed node', () => {
  test.each([[['mic']], [['mic', 'system']]] as Source[][][])(
    '[ING20, LOG10] %s stay away: viewers elsewhere see the gaps, and idle, once',
    { timeout: 90_000 },
    async (sources) => {
      const cluster = await start({ nodes: 3, leaseMs, limits });
      const [dying, ...others] = cluster.nodes as [ClusterNode, ClusterNode, ClusterNode];
      const tenant = tenantOf('away');
      const viewers = await Promise.all(others.map((node) => viewerAt(node, { tenant, meeting })));
      const senders: Sender[] = [];
      for (const source of sources)
        senders.push(await senderAt(dying, { tenant, meeting, source, session: 'one' }));
      const [, toMs] = await sayUnheard(cluster, senders, tenant);
      await dying.hub.kill();
      for (const viewer of viewers) {
        await viewer.status('idle');
        expectUnbroken(viewer, 1);
      }
      await allSettled(cluster);
      const entries = await logIn(cluster, tenant);
      expect(statusesIn(entries)).toEqual([...sources.map(() => 'live'), 'idle']);
      expect(
        gapsIn(entries)
          .map(({ source }) => source)
          .sort(),
      ).toEqual(sources);
      for (const gap of gapsIn(entries)) {
        const start_ms = await cluster.store.covered({ tenant, id: meeting }, gap.source);
        expect(gap).toMatchObject({ start_ms, end_ms: toMs, cause: 'hub_failed' });
      }
      for (const viewer of viewers) expect(viewer.of('gap')).toEqual(gapsIn(entries));
    },
  );

  test('[ING20, LOG10] a sender that comes back too late fills its gap', { timeout: 90_000 }, async () => {
    const cluster = await start({ nodes: 2, leaseMs, limits });
    const [dying, other] = cluster.nodes as [ClusterNode, ClusterNode];
    const tenant = tenantOf('late');
    const viewer = await viewerAt(other, { tenant, meeting });
    const of = { tenant, meeting, session: 'one' };
    const [heardMs = 0] = await sayUnheard(cluster, [await senderAt(dying, of)], tenant);
    await dying.hub.kill();
    const gap = await viewer.until('gap');
    await viewer.status('idle');
    await cluster.simulator.clear();
    const back = await senderAt(other, { ...of, resume: true });
    const { resume_from_ms: fromMs = Number.NaN } = await back.until('handshake_ack');
    expect(fromMs).toBe(gap.start_ms);
    const [heard, unheard] = [speech(11, 71), speech(20, 72)];
    await back.say(Buffer.concat([heard.pcm, unheard.pcm]).subarray(bytesAt(fromMs)));
    expect(await back.finalize()).toEqual(done);
    await viewer.status('ended');
    const entries = await logIn(cluster, tenant);
    expect(statusesIn(entries)).toEqual(['live', 'idle', 'recovered', 'ended']);
    expect(wordsIn(finalsIn(entries), 'mic')).toEqual([...heard.words, ...unheard.words]);
    const late = finalsIn(entries).filter(({ start_ms }) => start_ms >= heardMs);
    expect(late.map(({ repairs }) => repairs)).toEqual(late.map(() => gap.seq));
  });

  test('[ING20] a sender that comes back in time: no gap, and it does not idle', {
    timeout: 90_000,
  }, async () => {
    const cluster = await start({ nodes: 2, leaseMs, limits: { graceMs: 15_000 } });
    const [dying, other] = cluster.nodes as [ClusterNode, ClusterNode];
    const tenant = tenantOf('back');
    const viewer = await viewerAt(other, { tenant, meeting });
    const of = { tenant, meeting, session: 'one' };
    await sayUnheard(cluster, [await senderAt(dying, of)], tenant);
    await dying.hub.kill();
    await lapsed(cluster, tenant);
    await cluster.simulator.clear();
    const back = await senderAt(other, { ...of, resume: true });
    const { resume_from_ms: fromMs = Number.NaN } = await back.until('handshake_ack');
    const said = [speech(11, 71), speech(20, 72)] as const;
    await back.say(Buffer.concat(said.map(({ pcm }) => pcm)).subarray(bytesAt(fromMs)));
    expect(await back.finalize()).toEqual(done);
    await viewer.status('ended');
    await allSettled(cluster);
    const entries = await logIn(cluster, tenant);
    expect(statusesIn(entries)).toEqual(['live', 'recovered', 'ended']);
    expect(gapsIn(entries)).toEqual([]);
    expect(wordsIn(finalsIn(entries), 'mic')).toEqual(said.flatMap(({ words }) => words));
  });

  test.each([undefined, 'another', 'one'])(
    '[LOG10] session %s begins the source anew before that: it begins behind the gap',
    { timeout: 90_000 },
    async (session) => {
      const cluster = await start({ nodes: 2, leaseMs, limits: { graceMs: 60_000 } });
      const [dying, other] = cluster.nodes as [ClusterNode, ClusterNode];
      const tenant = tenantOf('anew');
      const viewer = await viewerAt(other, { tenant, meeting });
      const [, toMs] = await sayUnheard(
        cluster,
        [await senderAt(dying, { tenant, meeting, session: 'one' })],
        tenant,
      );
      await dying.hub.kill();
      await cluster.simulator.clear();
      await lapsed(cluster, tenant);
      const next = await senderAt(other, { tenant, meeting, ...(session === undefined ? {} : { session }) });
      expect(next.of('handshake_ack')).toMatchObject([{ resume_from_ms: toMs }]);
      const said = speech(9, 73);
      await next.say(said.pcm);
      expect(await next.finalize()).toEqual(done);
      await viewer.status('ended');
      await allSettled(cluster);
      const entries = await logIn(cluster, tenant);
      expect(statusesIn(entries)).toEqual(['live', 'live', 'ended']);
      const [gap, ...more] = gapsIn(entries);
      expect(gap).toMatchObject({ source: 'mic', end_ms: toMs, cause: 'hub_failed' });
      expect(more).toEqual([]);
      const [, live] = entries.filter(({ type }) => type === 'status');
      expect(live?.seq).toBe((gap?.seq ?? 0) + 1);
      const wordsOf = (some: LoggedEvent[]) => wordsIn(finalsIn(some), 'mic');
      const before = wordsOf(entries.filter(({ seq }) => seq < (gap?.seq ?? 0)));
      expect(before).toEqual(speech(11, 71).words.slice(0, before.length));
      expect(wordsOf(entries.filter(({ seq }) => seq > (gap?.seq ?? 0)))).toEqual(said.words);
    },
  );

  test('[LOG10] a newcomer that is refused at the door leaves the gap', { timeout: 90_000 }, async () => {
    const cluster = await start({ nodes: 2, leaseMs, limits: { graceMs: 60_000 } });
    const [dying, other] = cluster.nodes as [ClusterNode, ClusterNode];
    const tenant = tenantOf('door');
    const viewer = await viewerAt(other, { tenant, meeting });
    const [, toMs] = await sayUnheard(cluster, [await senderAt(dying, { tenant, meeting })], tenant);
    await dying.hub.kill();
    await cluster.simulator.clear();
    cluster.simulator.fault({ kind: 'refuse', status: 401 });
    await lapsed(cluster, tenant);
    const refused = await applicantAt(other, { tenant, meeting });
    expect((await refused.closed).code).toBe(4010);
    await viewer.status('idle');
    await allSettled(cluster);
    const entries = await logIn(cluster, tenant);
    expect(gapsIn(entries)).toMatchObject([{ source: 'mic', end_ms: toMs, cause: 'hub_failed' }]);
    expect(statusesIn(entries)).toEqual(['live', 'idle']);
  });

  test('[ING15] the other source finalizes elsewhere meanwhile: ended once, after the gap', {
    timeout: 90_000,
  }, async () => {
    const cluster = await start({ nodes: 2, leaseMs, limits });
    const [dying, other] = cluster.nodes as [ClusterNode, ClusterNode];
    const tenant = tenantOf('other');
    const viewer = await viewerAt(other, { tenant, meeting });
    const system = await senderAt(other, { tenant, meeting, source: 'system' });
    await sayUnheard(cluster, [await senderAt(dying, { tenant, meeting })], tenant);
    await dying.hub.kill();
    expect(await system.finalize()).toEqual(done);
    await viewer.status('ended');
    await allSettled(cluster);
    const entries = await logIn(cluster, tenant);
    expect(statusesIn(entries)).toEqual(['live', 'live', 'ended']);
    expect(entries.slice(-2).map(({ type }) => type)).toEqual(['gap', 'status']);
  });

  test('[ING20] a node that is only isolated for long keeps its sender, and nothing is said', {
    timeout: 120_000,
  }, async () => {
    const cluster = await start({ nodes: 2, leaseMs, limits: { graceMs: 6_000 } });
    const [cut, other] = cluster.nodes as [ClusterNode, ClusterNode];
    const tenant = tenantOf('cut');
    const viewer = await viewerAt(other, { tenant, meeting });
    const sender = await senderAt(cut, { tenant, meeting, session: 'one' });
    let isOver = false;
    const talk = async () => {
      const said: Speech[] = [];
      for (let phrase = 0; !isOver; phrase += 1) {
        const next = speech(5, 900 + phrase);
        said.push(next);
        await sender.say(next.pcm, { frameBytes: 3_200, everyMs: 50 });
      }
      return said.flatMap(({ words }) => words);
    };
    const talked = talk();
    await viewer.until('transcript.final');
    cut.toRedis.refuse(true);
    // The other node waits for the sender in vain, and then again.
    const due = new Set<unknown>();
    await vi.waitFor(
      async () => {
        due.add(await cluster.redis.ask('ZSCORE', 'meetcast:{totals}:claims', `mic ${tenant}/m`));
        expect(due.size).toBeGreaterThan(2);
      },
      { timeout: 60_000, interval: 100 },
    );
    cut.toRedis.refuse(false);
    isOver = true;
    const words = await talked;
    expect(await sender.finalize()).toEqual(done);
    await viewer.until('status', ({ status, seq }) => status === 'ended' && seq !== undefined);
    const entries = await logIn(cluster, tenant);
    expect(statusesIn(entries)).toEqual(['live', 'ended']);
    expect(gapsIn(entries)).toEqual([]);
    expect(wordsIn(finalsIn(entries), 'mic')).toEqual(words);
  });

  test('[ING15] a source that finalized while its only node was isolated keeps the meeting from nothing', {
    timeout: 90_000,
  }, async () => {
    const cluster = await start({ nodes: 1, leaseMs, limits: { graceMs: 60_000 } });
    const [only] = cluster.nodes as [ClusterNode];
    const tenant = tenantOf('alone');
    const viewer = await viewerAt(only, { tenant, meeting });
    const mic = await senderAt(only, { tenant, meeting, session: 'one' });
    const system = await senderAt(only, { tenant, meeting, source: 'system', session: 'two' });
    only.toRedis.refuse(true);
    await viewer.until('status', ({ status }) => status === 'degraded');
    expect(await mic.finalize()).toEqual(done);
    only.toRedis.refuse(false);
    await viewer.until('status', ({ status }) => status === 'recovered');
    expect(await system.finalize()).toEqual(done);
    await viewer.until('status', ({ status, seq }) => status === 'ended' && seq !== undefined);
    await allSettled(cluster);
    const entries = await logIn(cluster, tenant);
    expect(statusesIn(entries)).toEqual(['live', 'live', 'ended']);
    expect(gapsIn(entries)).toEqual([]);
  });

  test('[LOG11] what it had kept on disk it hears when it is back, and fills the gap of the others', {
    timeout: 90_000,
  }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'meetcast-unheard-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const unheard = { folder, backoff: { minMs: 30, maxMs: 60 } };
    const cluster = await start({ nodes: 2, leaseMs, limits: { graceMs: 4_000 }, unheard });
    const [dying, other] = cluster.nodes as [ClusterNode, ClusterNode];
    const tenant = tenantOf('disk');
    const viewer = await viewerAt(other, { tenant, meeting });
    const sender = await senderAt(dying, { tenant, meeting });
    const said = [speech(11, 71), speech(20, 72)] as const;
    await sender.say(said[0].pcm);
    await sender.until('transcript.final');
    cluster.simulator.fault({ kind: 'refuse', status: 401 });
    cluster.simulator.fault({ kind: 'rst' });
    await sender.say(said[1].pcm);
    await sender.closed;
    await vi.waitFor(async () => {
      expect(await readdir(folder, { recursive: true })).toContainEqual(
        expect.stringContaining('leftover.json'),
      );
    }, soon);
    await known(cluster, tenant, Math.floor(said[0].ms + said[1].ms));
    await dying.hub.kill();
    const gap = await viewer.until('gap');
    await viewer.status('idle');
    await cluster.simulator.clear();
    await dying.start();
    await vi.waitFor(async () => expect(await readdir(folder)).toEqual([]), soon);
    const entries = await logIn(cluster, tenant);
    expect(gapsIn(entries)).toEqual([gap]);
    const finals = finalsIn(entries).sort((a, b) => a.start_ms - b.start_ms);
    expect(wordsIn(finals, 'mic')).toEqual(said.flatMap(({ words }) => words));
    expect(new Set(finals.flatMap(({ repairs }) => repairs ?? []))).toEqual(new Set([gap.seq]));
  });
});
