/** What nodes hold when one of them dies, when Redis forgets, and when a node is isolated from it. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Claim, MeetingRef, Numbering, OrphanedClaim, Registry } from '@meetcast/server';
import { redisRegistry } from '@meetcast/server/redis';
import { type FaultProxy, openFaultProxy } from '@meetcast/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { freshMeeting } from '../../packages/server/test/support/entries.ts';
import { hasRedisServer, type RedisServer, startRedis } from '../support/redis-servers.ts';
import { bundleRegistry, RegistryProcess } from '../support/registry-process.ts';

/** What is held stays held on a machine that stands still for a while. */
const leaseMs = 4_000;
const generous = { timeout: 90_000, interval: 20 };

interface Node {
  readonly registry: Registry;
  /** Between it and Redis. */
  readonly proxy: FaultProxy;
  isAway(): boolean;
}

async function startNode(redis: RedisServer, lease = leaseMs): Promise<Node> {
  const proxy = await openFaultProxy({ port: redis.port });
  const registry = redisRegistry({ url: `redis://127.0.0.1:${proxy.port}`, leaseMs: lease });
  let isAway = false;
  registry.remote?.watch((state) => {
    isAway = state === 'away';
  });
  onTestFinished(async () => {
    await registry.close();
    await proxy.close();
  });
  await vi.waitFor(() => registry.remote?.ping(), generous);
  return { registry, proxy, isAway: () => isAway };
}

/** Nobody gets through until `heal`. */
async function cut(node: Node): Promise<void> {
  node.proxy.refuse(true);
  await vi.waitFor(() => expect(node.isAway()).toBe(true), generous);
}

async function heal(node: Node): Promise<void> {
  node.proxy.refuse(false);
  node.proxy.stall(false);
  await vi.waitFor(() => expect(node.isAway()).toBe(false), generous);
}

describe.skipIf(!hasRedisServer)('a registry in Redis', { timeout: 300_000 }, () => {
  let redis: RedisServer;
  let child: { program: string; remove: () => void };
  beforeAll(async () => {
    [redis, child] = await Promise.all([startRedis(), bundleRegistry()]);
  });
  afterAll(async () => {
    child.remove();
    await redis.close();
  });

  const start = (lease?: number) => Promise.all([startNode(redis, lease), startNode(redis, lease)]);
  function startProcess(): RegistryProcess {
    const process = new RegistryProcess(child.program, { url: redis.url, leaseMs });
    onTestFinished(() => process.kill());
    return process;
  }

  async function claimed(node: Node, meeting = freshMeeting(), session = 'a'): Promise<Claim> {
    const claim = await node.registry.claim(meeting, 'mic', session);
    if (claim.kind === 'held') throw new Error(`${session} was told that its source is held`);
    return claim;
  }

  /** Resolves when fences by the time of day are above this claim's: a node that is isolated goes by milliseconds. */
  const past = ({ fence }: Claim) =>
    expect.poll(() => Date.now() * 1_000, { interval: 1 }).toBeGreaterThan(fence);

  /** Resolves when the lease of its source has been made longer. */
  async function renewed({ tenant, id }: MeetingRef): Promise<void> {
    const lease = () => redis.ask('HGET', `meetcast:{${tenant}/${id}}:claims`, 'mic');
    const before = await lease();
    await vi.waitFor(async () => expect(await lease()).not.toBe(before), generous);
  }

  const countsOf = async ({ registry }: Node, meeting: MeetingRef) => {
    const { subscribers, ingests } = await registry.counts(meeting);
    return { subscribers, ingests };
  };

  test('what a killed node held is full and held on every node until its lease ends, and free then', async () => {
    const nodes = await start();
    const dead = startProcess();
    const meeting = freshMeeting();
    for (let seat = 1; seat <= 20; seat += 1) {
      expect(await dead.order({ kind: 'seat', meeting, name: `v${seat}`, seats: 20 })).toEqual({
        kind: 'seat',
      });
    }
    expect(await dead.order({ kind: 'claim', meeting, name: 'a', source: 'mic' })).toMatchObject({
      kind: 'claim',
    });
    await dead.kill();
    for (const { registry } of nodes) {
      expect(await registry.seat(meeting, 'v21', 20)).toEqual({ kind: 'full' });
      expect(await registry.claim(meeting, 'mic', 'b')).toEqual({ kind: 'held', draining: false });
    }
    for (const node of nodes) {
      await vi.waitFor(
        async () => expect(await countsOf(node, meeting)).toEqual({ subscribers: 0, ingests: [] }),
        generous,
      );
      await expect
        .poll(() => node.registry.totals(), generous)
        .toEqual({ meetings: 0, subscribers: 0, ingests: 0 });
    }
    expect(await nodes[0].registry.seat(meeting, 'v21', 20)).toMatchObject({ kind: 'seat' });
    expect(await nodes[1].registry.claim(meeting, 'mic', 'b')).toMatchObject({ kind: 'claim' });
  });

  test('a process that was stopped past its lease learns on waking that another has its source', async () => {
    const [node] = await start();
    const paused = startProcess();
    const meeting = freshMeeting();
    const before = await paused.order({ kind: 'claim', meeting, name: 'a', source: 'mic' });
    paused.pause();
    let after: Awaited<ReturnType<Registry['claim']>> | undefined;
    await vi.waitFor(async () => {
      after = await node.registry.claim(meeting, 'mic', 'b');
      expect(after.kind).toBe('claim');
    }, generous);
    paused.resume();
    const fence = before.kind === 'claim' ? before.fence : 0;
    await expect.poll(() => paused.answers, generous).toContainEqual({ kind: 'lost', fence });
    expect(after?.kind === 'claim' && after.fence > fence && !after.lost.aborted).toBe(true);
    expect(await node.registry.claim(meeting, 'mic', 'c')).toMatchObject({ kind: 'held' });
  });

  test('a process that was stopped past its lease takes up again what nobody else has taken', async () => {
    const [node] = await start();
    const paused = startProcess();
    const meeting = freshMeeting();
    await paused.order({ kind: 'claim', meeting, name: 'a', source: 'mic' });
    await paused.order({ kind: 'seat', meeting, name: 'v', seats: 1 });
    paused.pause();
    await expect.poll(() => countsOf(node, meeting), generous).toEqual({ subscribers: 0, ingests: [] });
    paused.resume();
    await expect.poll(() => countsOf(node, meeting), generous).toEqual({ subscribers: 1, ingests: ['mic'] });
    expect(paused.answers.map(({ kind }) => kind)).toEqual(['claim', 'seat']);
    expect(await node.registry.claim(meeting, 'mic', 'b')).toMatchObject({ kind: 'held' });
    expect(await node.registry.seat(meeting, 'w', 1)).toEqual({ kind: 'full' });
  });

  test('[ING20] a vacant claim lasts while its node is there, is wanted meanwhile, and free a lease after it died', async () => {
    const [node] = await start();
    const other = startProcess();
    const meeting = freshMeeting();
    await other.order({ kind: 'claim', meeting, name: 'a', source: 'mic' });
    expect(await other.order({ kind: 'vacate', meeting, name: 'a', source: 'mic' })).toEqual({
      kind: 'vacated',
    });
    await renewed(meeting);
    await renewed(meeting);
    expect(await node.registry.counts(meeting)).toMatchObject({ ingests: [], vacant: ['mic'] });
    const ask = () => node.registry.claim(meeting, 'mic', 'b');
    expect(await ask()).toEqual({ kind: 'held', draining: true });
    await expect.poll(() => other.answers.at(-1), generous).toEqual({ kind: 'wanted' });
    await other.kill();
    expect(await ask()).toEqual({ kind: 'held', draining: true });
    await vi.waitFor(async () => expect(await ask()).toMatchObject({ kind: 'claim' }), generous);
  });

  test('[ING20] that a claim is wanted is found at the next renewal, should the message be lost', async () => {
    const here = await startNode(redis);
    const listening = async () => (await redis.ask('PUBSUB', 'CHANNELS', 'meetcast:lost:*')) as string[];
    const before = await listening();
    // A node that may say nothing to this one.
    const rights = ['SETUSER', 'mute', 'on', 'nopass', '~*', '+@all', 'resetchannels'];
    await redis.ask('ACL', ...rights, '&*');
    const mute = redisRegistry({ url: redis.url.replace('redis://', 'redis://mute:any@'), leaseMs });
    onTestFinished(() => mute.close());
    await vi.waitFor(() => mute.remote?.ping(), generous);
    const own = await vi.waitFor(async () => {
      const [channel] = (await listening()).filter((each) => !before.includes(each));
      return channel ?? Promise.reject(new Error('it does not listen yet'));
    }, generous);
    await redis.ask('ACL', ...rights, '&meetcast:beat:*', `&${own}`);
    const meeting = freshMeeting();
    const claim = await claimed(here, meeting);
    await claim.markVacant();
    expect(await mute.claim(meeting, 'mic', 'b')).toEqual({ kind: 'held', draining: true });
    await expect.poll(() => claim.wanted.aborted, generous).toBe(true);
    expect(await mute.claim(meeting, 'mic', 'b')).toEqual({ kind: 'held', draining: true });
    expect(claim.lost.aborted).toBe(false);
  });

  const forgetting: [string, () => Promise<unknown>][] = [
    ['was restarted empty', () => redis.restart()],
    ['was emptied under its connections', () => redis.ask('FLUSHALL')],
  ];

  test.each(forgetting)('a Redis that %s knows everything again by itself', async (_, forget) => {
    const nodes = await start();
    const [here, there] = nodes;
    const [meeting, other] = [freshMeeting(), freshMeeting()];
    const claims = [await claimed(here, meeting), await claimed(there, other)];
    claims[0]?.note({ epoch: 'e', receivedMs: 5, forwardedMs: 4, coveredMs: 3, positionMs: 2 });
    await claims[1]?.markDraining();
    const absent = freshMeeting();
    await (await claimed(there, absent)).markVacant();
    await here.registry.seat(meeting, 'v1', 2);
    await there.registry.seat(meeting, 'v2', 2);
    await forget();
    for (const { registry } of nodes) {
      await vi.waitFor(async () => {
        expect(await registry.totals()).toEqual({ meetings: 2, subscribers: 2, ingests: 2 });
        expect(await registry.counts(meeting)).toMatchObject({ subscribers: 2, ingests: ['mic'] });
        expect(await registry.counts(absent)).toMatchObject({ ingests: [], vacant: ['mic'] });
        expect(await registry.seat(meeting, 'v3', 2)).toEqual({ kind: 'full' });
        expect(await registry.claim(meeting, 'mic', 'b')).toEqual({ kind: 'held', draining: false });
        expect(await registry.claim(other, 'mic', 'b')).toEqual({ kind: 'held', draining: true });
      }, generous);
    }
    await expect
      .poll(async () => (await there.registry.counts(meeting)).elsewhere, generous)
      .toEqual([{ source: 'mic', epoch: 'e', receivedMs: 5, forwardedMs: 4, coveredMs: 3, positionMs: 2 }]);
    expect(claims.map(({ lost }) => lost.aborted)).toEqual([false, false]);
    const again = await claimed(there, meeting);
    expect(again.fence).toBeGreaterThan(claims[0]?.fence ?? 0);
  });

  test.each(forgetting)('no segment number comes twice around a Redis that %s', async (_, forget) => {
    const nodes = await start();
    const meeting = freshMeeting();
    await Promise.all(nodes.map((node, index) => claimed(node, meeting, `${index}`).catch(() => undefined)));
    const given: number[] = [];
    let isOver = false;
    const ask = async ({ registry, isAway }: Node) => {
      while (!isOver) {
        given.push(await registry.nextSegmentNo(meeting, 1));
        // As fast as nobody speaks, and yet so slow that nodes which are alone do not meet by chance.
        await delay(isAway() ? 100 : 5);
      }
    };
    const asking = Promise.all(nodes.map(ask));
    for (let turn = 0; turn < 2; turn += 1) {
      const enough = given.length + 50;
      await vi.waitFor(() => expect(given.length).toBeGreaterThan(enough), generous);
      await forget();
    }
    await vi.waitFor(() => expect(nodes.some((node) => node.isAway())).toBe(false), generous);
    const enough = given.length + 50;
    await vi.waitFor(() => expect(given.length).toBeGreaterThan(enough), generous);
    isOver = true;
    await asking;
    expect(new Set(given).size).toBe(given.length);
  });

  test('a node that is isolated decides by what it holds itself', async () => {
    const [here, there] = await start();
    const meeting = freshMeeting();
    await there.registry.claim(meeting, 'system', 'b');
    const mic = await claimed(here, meeting);
    await here.registry.seat(meeting, 'v1', 2);
    await there.registry.seat(meeting, 'v2', 2);
    const last = await there.registry.nextSegmentNo(meeting, 1);
    await renewed(meeting); // Only then it knows how many numbers the other node has had.
    await cut(here);
    const { registry } = here;
    expect(await registry.claim(meeting, 'mic', 'c')).toEqual({ kind: 'held', draining: false });
    expect(await registry.counts(meeting)).toEqual({
      subscribers: 1,
      ingests: ['mic'],
      vacant: [],
      elsewhere: [],
    });
    expect(await registry.totals()).toEqual({ meetings: 1, subscribers: 1, ingests: 1 });
    expect(await registry.seat(meeting, 'v3', 2)).toMatchObject({ kind: 'seat' });
    expect(await registry.seat(meeting, 'v4', 2)).toEqual({ kind: 'full' });
    const again = await claimed(here, meeting);
    expect(again.fence).toBeGreaterThan(mic.fence);
    expect(mic.lost.aborted).toBe(true);
    const numbers = [1, 1, 50].map(() => registry.nextSegmentNo(meeting, 1));
    const [first = 0, second, third] = await Promise.all(numbers);
    expect(first).toBeGreaterThanOrEqual(last + 1_000);
    expect([second, third]).toEqual([first + 1, first + 2]);
    expect(await again.release()).toBe('ongoing');
    expect(await claimed(here, meeting, 'z')).toMatchObject({ kind: 'claim' });
    await heal(here);
    await expect.poll(async () => (await there.registry.counts(meeting)).subscribers, generous).toBe(3);
    expect(await there.registry.nextSegmentNo(meeting, 1)).toBeGreaterThan(first + 2);
  });

  test.each([false, true])(
    'what was given back while Redis was away keeps no meeting from ending, finalized or not (%s)',
    async (isFinalized) => {
      const here = await startNode(redis);
      const meeting = freshMeeting();
      const told: OrphanedClaim[] = [];
      const stop = here.registry.watchOrphaned?.(600_000, (orphan) => {
        if (orphan.meeting.id === meeting.id) told.push(orphan);
      });
      onTestFinished(() => stop?.());
      const mic = await claimed(here, meeting);
      const system = await here.registry.claim(meeting, 'system', 'b');
      if (system.kind === 'held') throw new Error('nobody has claimed it');
      await cut(here);
      expect(await mic.release(isFinalized ? 'finalized' : undefined)).toBe('ongoing');
      await heal(here);
      await vi.waitFor(async () => expect(await told.at(-1)?.release()).toBe('ongoing'), generous);
      expect(told.at(-1)).toMatchObject({ meeting, source: 'mic', fence: mic.fence, isHeardOut: true });
      const name = `${meeting.tenant}/${meeting.id}`;
      expect(await redis.ask('HKEYS', `meetcast:{${name}}:claims`)).toEqual(['system']);
      expect(await system.release('finalized')).toBe('ended');
      for (const source of ['mic', 'system']) {
        const entry = () => redis.ask('ZSCORE', 'meetcast:{totals}:claims', `${source} ${name}`);
        await expect.poll(entry, generous).toBe(null);
      }
    },
  );

  test.each([
    ['was isolated', true],
    ['stayed', false],
  ])('after a cut the highest fence wins; the node that %s had it', async (_, isAbsentLast) => {
    const [here, there] = await start();
    const meeting = freshMeeting();
    await claimed(here, meeting);
    await cut(here);
    const claims: Claim[] = [];
    for (const node of isAbsentLast ? [there, here] : [here, there]) {
      const claim = await claimed(node, meeting);
      claims.push(claim);
      await past(claim);
    }
    const [loser, winner] = claims;
    expect(winner?.fence).toBeGreaterThan(loser?.fence ?? 0);
    await heal(here);
    await vi.waitFor(() => expect(loser?.lost.aborted).toBe(true), generous);
    expect(winner?.lost.aborted).toBe(false);
    for (const { registry } of [here, there]) {
      expect(await registry.claim(meeting, 'mic', 'other')).toMatchObject({ kind: 'held' });
      expect((await registry.counts(meeting)).ingests).toEqual(['mic']);
    }
    expect(await loser?.release()).toBe('ongoing');
    expect(await winner?.release()).toBe('idle');
  });

  test('a claim that reaches Redis long after its node gave up takes nothing from its successor', async () => {
    const [here, there] = await start();
    const meeting = freshMeeting();
    await claimed(here, freshMeeting());
    here.proxy.stall(true);
    const late = await claimed(here, meeting);
    await past(late);
    const winner = await claimed(there, meeting);
    // The proxy still has what was sent, and passes it on even though its sender has hung up.
    const begun = performance.now();
    await expect.poll(() => performance.now() - begun, generous).toBeGreaterThan(2_500);
    here.proxy.stall(false);
    await vi.waitFor(() => expect(late.lost.aborted).toBe(true), generous);
    await renewed(meeting);
    expect(winner.lost.aborted).toBe(false);
    expect(await there.registry.claim(meeting, 'mic', 'b')).toMatchObject({ kind: 'held' });
  });

  test('a session that moves from node to node twenty times has one claim, the last', async () => {
    const nodes = await start();
    const meeting = freshMeeting();
    const claims: Claim[] = [];
    for (let turn = 0; turn < 20; turn += 1) claims.push(await claimed(nodes[turn % 2] ?? nodes[0], meeting));
    await vi.waitFor(() => {
      expect(claims.map(({ lost }) => lost.aborted)).toEqual(claims.map((_, turn) => turn < 19));
    }, generous);
    const fences = claims.map(({ fence }) => fence);
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
    expect(await claims[0]?.release()).toBe('ongoing');
    expect(await claims[19]?.release()).toBe('idle');
  });

  test('a node that closes gives everything back at once, and only what expires stays', async () => {
    await redis.ask('FLUSHALL');
    const [here, there] = await start();
    const meeting = freshMeeting();
    (await claimed(here, meeting)).note({
      epoch: 'e',
      receivedMs: 1,
      forwardedMs: 1,
      coveredMs: 1,
      positionMs: 1,
    });
    await here.registry.seat(meeting, 'v', 1);
    await here.registry.nextSegmentNo(meeting, 1);
    await here.registry.close();
    expect(await there.registry.totals()).toEqual({ meetings: 0, subscribers: 0, ingests: 0 });
    expect(await there.registry.seat(meeting, 'w', 1)).toMatchObject({ kind: 'seat' });
    expect(await there.registry.claim(meeting, 'mic', 'b')).toMatchObject({ kind: 'claim' });
    await there.registry.close();
    const keys = (await redis.ask('KEYS', '*')) as string[];
    expect(
      keys.every((key) => /:(numbers|notes)$/.test(key)),
      keys.join(),
    ).toBe(true);
    for (const key of keys) expect(await redis.ask('PTTL', key)).toBeGreaterThan(0);
  });

  test('a Redis without room is as good as none', async () => {
    const [here] = await start();
    await redis.ask('CONFIG', 'SET', 'maxmemory', 1);
    onTestFinished(async () => void (await redis.ask('CONFIG', 'SET', 'maxmemory', 0)));
    const meeting = freshMeeting();
    const claim = await claimed(here, meeting);
    expect(await here.registry.claim(meeting, 'mic', 'b')).toMatchObject({ kind: 'held' });
    await redis.ask('CONFIG', 'SET', 'maxmemory', 0);
    await expect.poll(async () => (await here.registry.counts(meeting)).ingests, generous).toEqual(['mic']);
    expect(claim.lost.aborted).toBe(false);
  });

  test('a node that another one passed and left the source again loses it too', async () => {
    const [here, there] = await start();
    const meeting = freshMeeting();
    const first = await claimed(here, meeting);
    here.proxy.stall(true);
    let second: Awaited<ReturnType<Registry['claim']>> | undefined;
    await vi.waitFor(async () => {
      second = await there.registry.claim(meeting, 'mic', 'b');
      expect(second.kind).toBe('claim');
    }, generous);
    if (second?.kind === 'claim') await second.release();
    here.proxy.stall(false);
    await vi.waitFor(() => expect(first.lost.aborted).toBe(true), generous);
    expect(await there.registry.claim(meeting, 'mic', 'c')).toMatchObject({ kind: 'claim' });
  });

  test('however long the lease, an emptied Redis is told at once when it is back', async () => {
    const nodes = await start(600_000);
    const meeting = freshMeeting();
    await Promise.all([claimed(nodes[0], meeting), nodes[1].registry.seat(meeting, 'v', 1)]);
    await redis.restart();
    for (const node of nodes) {
      await expect
        .poll(() => countsOf(node, meeting), generous)
        .toEqual({ subscribers: 1, ingests: ['mic'] });
    }
  });

  test('a node that tells an emptied Redis first does not hide how far the others had counted', async () => {
    const [here, there] = await start(600_000);
    const meeting = freshMeeting();
    const claim = await claimed(here, meeting);
    const given = [await here.registry.nextSegmentNo(meeting, 1)];
    for (let count = 0; count < 20; count += 1) given.push(await there.registry.nextSegmentNo(meeting, 1));
    await redis.ask('FLUSHALL');
    claim.note({ epoch: 'e', receivedMs: 1, forwardedMs: 1, coveredMs: 1, positionMs: 1 });
    await expect.poll(async () => (await there.registry.counts(meeting)).elsewhere.length, generous).toBe(1);
    for (const { registry } of [here, there]) given.push(await registry.nextSegmentNo(meeting, 1));
    expect(new Set(given).size).toBe(given.length);
  });

  test('numbers that were given alone are told, even of meetings in which the node holds nothing', async () => {
    const [here, there] = await start();
    const meeting = freshMeeting();
    await cut(here);
    const alone = await here.registry.nextSegmentNo(meeting, 1);
    await heal(here);
    await expect.poll(() => there.registry.nextSegmentNo(meeting, 1), generous).toBeGreaterThan(alone);
  });

  test('a Redis that stands still stops no word: a source goes on over its blocks, and nobody gets its numbers', async () => {
    const [here, there] = await start();
    const meeting = freshMeeting();
    const [mic, system] = [
      await here.registry.numbering(meeting, 1),
      await there.registry.numbering(meeting, 1),
    ];
    const given = [mic.next(), system.next()];
    const nextOf = (numbering: Numbering, count: number) => {
      for (let number = 0; number < count; number += 1) given.push(numbering.next());
    };
    here.proxy.stall(true);
    nextOf(mic, 200); // In one turn: before anybody can know that Redis is away.
    nextOf(system, 100);
    await vi.waitFor(() => expect(here.isAway()).toBe(true), generous);
    nextOf(mic, 100);
    expect(new Set(given).size).toBe(given.length);
    const highest = Math.max(...given);
    await heal(here);
    // With the next number a block of those that all count is asked for.
    await vi.waitFor(async () => {
      nextOf(mic, 1);
      given.push(await there.registry.nextSegmentNo(meeting, 1));
      expect(given.at(-1)).toBeGreaterThan(highest);
    }, generous);
    nextOf(mic, 100);
    nextOf(system, 100);
    expect(new Set(given).size).toBe(given.length);
  });

  test('a Redis that has forgotten a claim does not let its own node give the source away', async () => {
    const [here] = await start(600_000);
    const meeting = freshMeeting();
    const claim = await claimed(here, meeting);
    await redis.ask('FLUSHALL');
    expect(await here.registry.claim(meeting, 'mic', 'b')).toEqual({ kind: 'held', draining: false });
    await claim.markVacant();
    await redis.ask('FLUSHALL');
    const anew = await here.registry.claim(meeting, 'mic', 'a', { isAnew: true });
    expect(anew).toEqual({ kind: 'held', draining: true });
    expect(claim.lost.aborted).toBe(false);
  });
});
