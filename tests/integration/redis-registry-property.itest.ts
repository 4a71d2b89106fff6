/** Nodes that claim, vacate, sit, count and leave at random, with and without trouble: what must hold whatever happens. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Claim, MeetingRef, Registry, Seat } from '@meetcast/server';
import { redisRegistry } from '@meetcast/server/redis';
import { type FaultProxy, openFaultProxy } from '@meetcast/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { freshMeeting } from '../../packages/server/test/support/entries.ts';
import { seeded } from '../../packages/server/test/support/random.ts';
import { hasRedisServer, type RedisServer, startRedis } from '../support/redis-servers.ts';

/** Longer than a busy machine stands still: what runs out then is another's by right. */
const leaseMs = { calm: 10_000, troubled: 4_000 };
/** For this test, after so long what was said is stored. */
const storedAfterMs = 1_000;
const seatLimit = 4;
const sources = ['mic', 'system'] as const;
const generous = { timeout: 90_000, interval: 20 };

interface Node {
  readonly registry: Registry;
  readonly proxy: FaultProxy;
}

interface HeldClaim {
  readonly claim: Claim;
  readonly meeting: MeetingRef;
  readonly source: (typeof sources)[number];
  isVacant: boolean;
}

/** What the nodes were given and have not given back. */
interface World {
  readonly nodes: readonly Node[];
  readonly meetings: readonly MeetingRef[];
  readonly claims: Set<HeldClaim>;
  readonly seats: Set<{ seat: Seat; meeting: MeetingRef }>;
  readonly numbers: Map<MeetingRef, { no: number; at: number }[]>;
  /** When Redis was last emptied under everybody's connections. */
  flushedAt: number;
}

async function startNode(redis: RedisServer, lease: number): Promise<Node> {
  const proxy = await openFaultProxy({ port: redis.port });
  const registry = redisRegistry({ url: `redis://127.0.0.1:${proxy.port}`, leaseMs: lease });
  onTestFinished(async () => {
    await registry.close();
    await proxy.close();
  });
  await vi.waitFor(() => registry.remote?.ping(), generous);
  return { registry, proxy };
}

async function startWorld(redis: RedisServer, lease: number): Promise<World> {
  const nodes = await Promise.all([1, 2, 3].map(() => startNode(redis, lease)));
  const meetings = [freshMeeting(), freshMeeting()];
  const numbers = new Map(meetings.map((meeting) => [meeting, []]));
  return { nodes, meetings, claims: new Set(), seats: new Set(), numbers, flushedAt: 0 };
}

function from<T>(random: () => number, all: Iterable<T>): T | undefined {
  const list = [...all];
  return list[Math.floor(random() * list.length)];
}

/** How far the log has come: what was said a while ago is stored. So is, for this test, what was said before a flush. */
function storedIn({ numbers, flushedAt }: World, meeting: MeetingRef): number {
  const until = Math.max(performance.now() - storedAfterMs, flushedAt);
  const stored = numbers.get(meeting)?.filter(({ at }) => at <= until) ?? [];
  return Math.max(0, ...stored.map(({ no }) => no));
}

/** One thing that happens at some node. What it does is settled before it waits, so that the seed alone says it. */
async function act(world: World, random: () => number): Promise<void> {
  const { nodes, meetings, claims, seats, numbers } = world;
  const [node, meeting, source] = [from(random, nodes), from(random, meetings), from(random, sources)];
  if (!node || !meeting || !source) throw new Error('an empty world');
  const { registry } = node;
  const session = `s${Math.floor(random() * 3)}`;
  const chance = random();
  if (chance < 0.3) {
    const isAnew = random() < 0.3;
    const claim = await registry.claim(meeting, source, session, { isAnew });
    if (claim.kind === 'claim') claims.add({ claim, meeting, source, isVacant: false });
  } else if (chance < 0.38) {
    const held = from(random, claims);
    if (held) held.isVacant = true;
    await held?.claim.markVacant();
  } else if (chance < 0.48) {
    const held = from(random, claims);
    const how = random() < 0.5 ? 'finalized' : undefined;
    if (held) claims.delete(held);
    await held?.claim.release(how);
  } else if (chance < 0.65) {
    const seat = await registry.seat(meeting, `v${random()}`, seatLimit);
    if (seat.kind === 'seat') seats.add({ seat, meeting });
  } else if (chance < 0.8) {
    const taken = from(random, seats);
    if (taken) seats.delete(taken);
    await taken?.seat.release();
  } else {
    const no = await registry.nextSegmentNo(meeting, storedIn(world, meeting) + 1);
    numbers.get(meeting)?.push({ no, at: performance.now() });
  }
}

async function trouble(world: World, redis: RedisServer, random: () => number): Promise<void> {
  const proxy = from(random, world.nodes)?.proxy;
  const chance = random();
  if (chance < 0.15) await redis.restart();
  else if (chance < 0.25) {
    await redis.ask('FLUSHALL');
    world.flushedAt = performance.now();
  } else if (chance < 0.45) proxy?.refuse(true);
  else if (chance < 0.6) proxy?.stall(true);
  else if (chance < 0.7) proxy?.drop('rst');
  else heal(world);
}

function heal({ nodes }: World): void {
  for (const { proxy } of nodes) {
    proxy.refuse(false);
    proxy.stall(false);
  }
}

const live = ({ claims }: World, meeting: MeetingRef) =>
  [...claims].filter((held) => held.meeting === meeting && !held.claim.lost.aborted);

const seated = ({ seats }: World, meeting: MeetingRef) =>
  [...seats].filter((taken) => taken.meeting === meeting).length;

/** Whoever wants a claim hears what it is, and only the holder of a vacant one hears of them. */
async function expectWanted(world: World): Promise<void> {
  for (const { claim, isVacant } of world.claims) if (!isVacant) expect(claim.wanted.aborted).toBe(false);
  for (const meeting of world.meetings) {
    for (const { claim, source, isVacant } of live(world, meeting)) {
      for (const { registry } of world.nodes) {
        const answer = await registry.claim(meeting, source, 'somebody else');
        expect(answer).toEqual({ kind: 'held', draining: isVacant });
      }
      if (isVacant) await vi.waitFor(() => expect(claim.wanted.aborted).toBe(true), generous);
      else expect(claim.wanted.aborted).toBe(false);
    }
  }
}

/** Every node says what is so, and no source is held twice. */
async function expectSettled(world: World): Promise<void> {
  const { nodes, meetings } = world;
  for (const meeting of meetings) {
    await vi.waitFor(async () => {
      const held = live(world, meeting);
      expect(new Set(held.map(({ source }) => source)).size).toBe(held.length);
      const heldAs = (isVacant: boolean) =>
        sources.filter((source) => held.some((each) => each.source === source && each.isVacant === isVacant));
      const claimed = { ingests: heldAs(false), vacant: heldAs(true) };
      const expected = { subscribers: seated(world, meeting), ...claimed };
      for (const { registry } of nodes) {
        const { elsewhere: _, ...counts } = await registry.counts(meeting);
        expect(counts).toEqual(expected);
      }
    }, generous);
  }
  await vi.waitFor(async () => {
    const sent = (meeting: MeetingRef) => live(world, meeting).filter(({ isVacant }) => !isVacant).length;
    const expected = {
      meetings: meetings.filter((meeting) => sent(meeting) + seated(world, meeting) > 0).length,
      subscribers: world.seats.size,
      ingests: meetings.reduce((sum, meeting) => sum + sent(meeting), 0),
    };
    for (const { registry } of nodes) expect(await registry.totals()).toEqual(expected);
  }, generous);
}

/** A note that is new is told with a renewal of all that its node holds in the meeting. */
function renewAll({ claims }: World, step: number): void {
  const at = { receivedMs: step, forwardedMs: step, coveredMs: step, positionMs: step };
  for (const { claim } of claims) if (!claim.lost.aborted) claim.note({ epoch: 'e', ...at });
}

function expectUniqueNumbers({ numbers }: World): void {
  for (const given of numbers.values()) {
    const sorted = given.map(({ no }) => no).sort((a, b) => a - b);
    expect(sorted).toEqual([...new Set(sorted)]);
  }
}

const seeds = [1, 2, 3, 4];

describe.skipIf(!hasRedisServer)('three nodes', { timeout: 300_000 }, () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.close());

  test.each(seeds)('agree at every step while nothing fails (seed %i)', async (seed) => {
    const random = seeded(seed);
    const world = await startWorld(redis, leaseMs.calm);
    for (let step = 0; step < 60; step += 1) {
      renewAll(world, step);
      await Promise.all(Array.from({ length: 1 + Math.floor(random() * 6) }, () => act(world, random)));
      for (const meeting of world.meetings) expect(seated(world, meeting)).toBeLessThanOrEqual(seatLimit);
      if (step % 10 !== 9) continue;
      await expectSettled(world);
      await expectWanted(world);
    }
    expectUniqueNumbers(world);
  });

  test.each(seeds)('agree again after whatever befell them (seed %i)', async (seed) => {
    const random = seeded(seed * 1_000);
    const world = await startWorld(redis, leaseMs.troubled);
    for (let step = 0; step < 60; step += 1) {
      if (random() < 0.25) await trouble(world, redis, random);
      await Promise.all(Array.from({ length: 1 + Math.floor(random() * 6) }, () => act(world, random)));
      if (random() < 0.3) await delay(random() * 300);
    }
    heal(world);
    await expectSettled(world);
    await expectWanted(world);
    expectUniqueNumbers(world);
  });
});
