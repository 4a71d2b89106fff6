// Claims that a node held when it died: the nodes that are left hear of them, one of them each, and give them back.
import type { MeetingRef, OrphanedClaim, Registry } from '@meetcast/server';
import { type RedisConnectOptions, redisRegistry } from '@meetcast/server/redis';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { freshMeeting } from '../../packages/server/test/support/entries.ts';
import { hasRedisServer, startCluster, startRedis } from '../support/redis-servers.ts';
import { bundleRegistry, RegistryProcess, type RegistrySettings } from '../support/registry-process.ts';

const leaseMs = 2_000;
/** Of those that stay: long enough for a machine that is busy. */
const ownLeaseMs = 6_000;
/** Longer than any test. */
const neverAgainMs = 600_000;
const generous = { timeout: 60_000, interval: 20 };

interface Servers {
  readonly client: Redis | Cluster;
  /** What another process connects with. */
  readonly settings: RegistrySettings;
  readonly connect: () => RedisConnectOptions;
  close(): Promise<void>;
}

async function oneRedis(): Promise<Servers> {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  const close = async () => {
    client.disconnect();
    await redis.close();
  };
  return { client, settings: { url: redis.url, leaseMs }, connect: () => ({ url: redis.url }), close };
}

async function redisCluster(): Promise<Servers> {
  const cluster = await startCluster();
  const client = new Cluster(cluster.nodes);
  const close = async () => {
    client.disconnect();
    await cluster.close();
  };
  return { client, settings: { cluster: cluster.nodes, leaseMs }, connect: () => ({ client }), close };
}

const kinds = [
  { kind: 'one Redis', start: oneRedis },
  { kind: 'a Redis Cluster', start: redisCluster },
];

describe.skipIf(!hasRedisServer).each(kinds)('what a dead node held in $kind', ({ start }) => {
  let servers: Servers;
  let child: { program: string; remove: () => void };
  beforeAll(async () => {
    [servers, child] = await Promise.all([start(), bundleRegistry()]);
  }, 60_000);
  afterAll(async () => {
    child.remove();
    await servers.close();
  });

  interface Node {
    readonly registry: Registry;
    /** The orphaned claims that it was told of. */
    readonly told: OrphanedClaim[];
  }

  function startNode(againMs = neverAgainMs): Node {
    const registry = redisRegistry({ ...servers.connect(), leaseMs: ownLeaseMs });
    const told: OrphanedClaim[] = [];
    const stop = registry.watchOrphaned?.(againMs, (orphan) => void told.push(orphan));
    onTestFinished(() => {
      stop?.();
      return registry.close();
    });
    return { registry, told };
  }

  function startProcess(): RegistryProcess {
    const process = new RegistryProcess(child.program, servers.settings);
    onTestFinished(() => process.kill());
    return process;
  }

  async function claims(
    process: RegistryProcess,
    meeting: MeetingRef,
    source: 'mic' | 'system' = 'mic',
  ): Promise<number> {
    const answer = await process.order({ kind: 'claim', meeting, name: 'a', source });
    if (answer.kind !== 'claim') throw new Error(`it was told that ${source} is ${answer.kind}`);
    return answer.fence;
  }

  const toldOf = (nodes: readonly Node[], meeting: MeetingRef) =>
    nodes.flatMap(({ told }) => told).filter((each) => each.meeting.id === meeting.id);

  async function orphansOf(nodes: readonly Node[], meeting: MeetingRef, count = 1): Promise<OrphanedClaim[]> {
    await vi.waitFor(() => expect(toldOf(nodes, meeting).length).toBeGreaterThanOrEqual(count), generous);
    return toldOf(nodes, meeting);
  }

  /** What Redis still has of any claim. */
  const left = async (meeting: MeetingRef) => [
    await servers.client.exists(`meetcast:{${meeting.tenant}/${meeting.id}}:claims`),
    await servers.client.zscore('meetcast:{totals}:claims', `mic ${meeting.tenant}/${meeting.id}`),
  ];

  test('a claim that its node did not give back is told to one node, which gives it back, once', async () => {
    const nodes = [startNode(), startNode()];
    const dead = startProcess();
    const [meeting, givenBack] = [freshMeeting(), freshMeeting()];
    await claims(dead, givenBack);
    expect(await dead.order({ kind: 'release', meeting: givenBack, name: 'a' })).toMatchObject({
      what: 'idle',
    });
    const fence = await claims(dead, meeting);
    await dead.kill();
    const [one] = await orphansOf(nodes, meeting);
    expect(one).toMatchObject({ meeting, source: 'mic', fence });
    const answers = await Promise.all([one?.release(), one?.release()]);
    expect(answers.sort()).toEqual(['idle', undefined]);
    await vi.waitFor(async () => expect(await left(meeting)).toEqual([0, null]), generous);
    expect(toldOf(nodes, meeting)).toHaveLength(1);
    expect(toldOf(nodes, givenBack)).toEqual([]);
  });

  test('who is told and dies too leaves it to the next one', async () => {
    const dead = startProcess();
    const meeting = freshMeeting();
    await claims(dead, meeting);
    await dead.kill();
    const [first, second] = await orphansOf([startNode(leaseMs)], meeting, 2);
    expect([await second?.release(), await first?.release()]).toEqual(['idle', undefined]);
  });

  test('nobody gives back what was claimed again, by whomever', async () => {
    const node = startNode();
    const dead = startProcess();
    const [resumed, taken] = [freshMeeting(), freshMeeting()];
    const fences = [await claims(dead, resumed), await claims(dead, taken)];
    await dead.kill();
    const told = [...(await orphansOf([node], resumed)), ...(await orphansOf([node], taken))];
    const again = [
      await node.registry.claim(resumed, 'mic', 'a'),
      await node.registry.claim(taken, 'mic', 'b'),
    ];
    for (const [index, claim] of again.entries()) {
      if (claim.kind === 'held') throw new Error('a claim whose lease is over is free');
      expect(claim.fence).toBeGreaterThan(fences[index] ?? 0);
      expect(await told[index]?.release()).toBe(undefined);
      expect(claim.lost.aborted).toBe(false);
    }
    for (const meeting of [resumed, taken])
      expect((await node.registry.counts(meeting)).ingests).toEqual(['mic']);
  });

  test('a process that was stopped past its lease goes on, whether its claim was given back or not', async () => {
    const node = startNode();
    const paused = startProcess();
    const [kept, givenBack] = [freshMeeting(), freshMeeting()];
    await claims(paused, kept);
    await claims(paused, givenBack);
    paused.pause();
    const [first] = await orphansOf([node], kept);
    const [second] = await orphansOf([node], givenBack);
    await vi.waitFor(async () => expect(await second?.release()).toBe('idle'), generous);
    paused.resume();
    for (const meeting of [kept, givenBack]) {
      await vi.waitFor(
        async () => expect((await node.registry.counts(meeting)).ingests).toEqual(['mic']),
        generous,
      );
    }
    expect(await first?.release()).toBe(undefined);
    expect(paused.answers.filter(({ kind }) => kind === 'lost')).toEqual([]);
  });

  test('one that is looked at before its lease is over is looked at again', async () => {
    const node = startNode();
    const dead = startProcess();
    const meeting = freshMeeting();
    await claims(dead, meeting);
    await dead.kill();
    await servers.client.zadd('meetcast:{totals}:claims', 1, `mic ${meeting.tenant}/${meeting.id}`);
    const [told] = await orphansOf([node], meeting);
    expect(await told?.release()).toBe('idle');
  });

  test('a claim of its own that Redis carried out late, and that it never knew of, is given back', async () => {
    const node = startNode();
    const meeting = freshMeeting();
    const mic = await node.registry.claim(meeting, 'mic', 'a');
    const system = await node.registry.claim(meeting, 'system', 'b');
    if (mic.kind === 'held' || system.kind === 'held') throw new Error('nobody has claimed it');
    const claimsOf = `meetcast:{${meeting.tenant}/${meeting.id}}:claims`;
    const [fence, name] = ((await servers.client.hget(claimsOf, 'mic')) ?? '').split(' ');
    expect(await mic.release()).toBe('ongoing');
    await vi.waitFor(async () => expect((await left(meeting))[1]).toBe(null), generous);
    // Above the fence that was given back, and never renewed.
    await servers.client.hset(claimsOf, 'mic', `${Number(fence) + 1} ${name} 1 0 a`);
    await servers.client.zadd('meetcast:{totals}:claims', 1, `mic ${meeting.tenant}/${meeting.id}`);
    const [told] = await orphansOf([node], meeting);
    expect(await told?.release()).toBe('ongoing');
    expect(await system.release('finalized')).toBe('ended');
    await vi.waitFor(async () => expect(await left(meeting)).toEqual([0, null]), generous);
  });

  test('[ING15] what it held keeps its meeting, which idles or ends with the last of it', async () => {
    const node = startNode();
    const dead = startProcess();
    const [both, ending] = [freshMeeting(), freshMeeting()];
    await claims(dead, both, 'mic');
    await claims(dead, both, 'system');
    const system = await node.registry.claim(ending, 'system', 'b');
    if (system.kind === 'held') throw new Error('nobody has claimed it');
    await claims(dead, ending);
    await dead.kill();
    const two = await orphansOf([node], both, 2);
    const [mic] = await orphansOf([node], ending);
    expect(await system.release('finalized')).toBe('ongoing');
    expect(await mic?.release()).toBe('ended');
    expect([await two[0]?.release(), await two[1]?.release()]).toEqual(['ongoing', 'idle']);
  });
});
