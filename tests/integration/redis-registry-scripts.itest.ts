/** What Redis does for the registry, step by step, and what a node knows of it before anything fails. */

import type { Source } from '@meetcast/protocol';
import type { Claim, MeetingRef, Registry } from '@meetcast/server';
import { redisRegistry } from '@meetcast/server/redis';
import { openFaultProxy } from '@meetcast/testing';
import Redis from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { RedisLink } from '../../packages/server/src/redis/link.ts';
import { type Holder, Holdings } from '../../packages/server/src/registry/holdings.ts';
import { RedisMeetings } from '../../packages/server/src/registry/redis-meetings.ts';
import { claimScript, runScript } from '../../packages/server/src/registry/redis-scripts.ts';
import { freshMeeting } from '../../packages/server/test/support/entries.ts';
import { hasRedisServer, type RedisServer, startRedis } from '../support/redis-servers.ts';

const longMs = 600_000;
const generous = { timeout: 20_000, interval: 20 };

describe.skipIf(!hasRedisServer)('the scripts', () => {
  let redis: RedisServer;
  let client: Redis;
  let meeting: MeetingRef;
  beforeAll(async () => {
    redis = await startRedis();
    client = new Redis(redis.url);
  }, 60_000);
  afterAll(async () => {
    client.disconnect();
    await redis.close();
  });
  beforeEach(() => {
    meeting = freshMeeting();
  });

  const keysOf = ({ tenant, id }: MeetingRef) =>
    ['claims', 'seats', 'numbers', 'notes'].map((name) => `meetcast:{${tenant}/${id}}:${name}`);
  const nodeOf = (node: string, leaseMs = longMs) =>
    new RedisMeetings(
      { node, run: (work: (to: Redis) => unknown) => work(client) } as unknown as RedisLink,
      leaseMs,
    );
  async function granted(node: RedisMeetings, source: Source, session = 's') {
    const answer = await node.claim(meeting, source, { session, above: 0, isAnew: false });
    if (answer.kind === 'held') throw new Error(`${source} is held`);
    return answer;
  }
  const holder = (fence: number, source: Source = 'mic'): Holder =>
    new Holdings().hold({ meeting, source, session: 's', fence });
  const share = (claims: Holder[], numbers: { segmentNo?: number; isUnsure?: boolean } = {}) => ({
    claims,
    seats: [],
    notes: new Map(),
    segmentNo: 0,
    isUnsure: false,
    ...numbers,
  });
  const sent = async () => (await nodeOf('viewer').counts(meeting)).sent;

  test('a claim that comes after its time is not given, and leaves nothing', async () => {
    const args = ['a', longMs, longMs, 'mic', 's', 0, 1, 0];
    const answer = await runScript(client, claimScript, keysOf(meeting), args);
    expect(answer).toEqual([expect.any(Number), 'late']);
    expect(await client.exists(...keysOf(meeting))).toBe(0);
  });

  test('whoever still waits for it asks again by the clock of now', async () => {
    const node = nodeOf('a');
    await granted(node, 'system');
    const anHourAgo = performance.now() - 3_600_000;
    const clock = vi.spyOn(performance, 'now').mockReturnValue(anHourAgo);
    onTestFinished(() => clock.mockRestore());
    expect(await node.claim(meeting, 'mic', { session: 's', above: 0, isAnew: false })).toMatchObject({
      kind: 'granted',
      fence: expect.any(Number),
    });
    expect(await sent()).toEqual(expect.arrayContaining(['mic']));
  });

  test('a lease ends alone, while the other source of the meeting goes on', async () => {
    await granted(nodeOf('dead', 50), 'mic');
    await granted(nodeOf('alive'), 'system');
    const newcomer = () =>
      nodeOf('alive').claim(meeting, 'mic', { session: 'another', above: 0, isAnew: false });
    await expect.poll(async () => (await newcomer()).kind, generous).toBe('granted');
    expect(await sent()).toEqual(expect.arrayContaining(['mic', 'system']));
  });

  test('what is given back late is neither a later claim of the node nor another node’s', async () => {
    const [here, there] = [nodeOf('a'), nodeOf('b')];
    const first = await granted(here, 'mic');
    const second = await granted(here, 'mic');
    await here.leave(meeting, { claims: [holder(first.fence)] });
    expect(await sent()).toEqual(['mic']);
    await there.leave(meeting, { claims: [holder(second.fence + 10)] });
    expect(await sent()).toEqual(['mic']);
    await here.leave(meeting, { claims: [holder(second.fence)] });
    expect(await sent()).toEqual([]);
  });

  test('after a fence that a node gave alone every later one is higher', async () => {
    const alone = Date.now() * 1_000 + 3_600_000_000;
    const here = nodeOf('a');
    await here.renew(meeting, share([holder(alone)]));
    await here.leave(meeting, { claims: [holder(alone)] });
    expect((await granted(nodeOf('b'), 'mic')).fence).toBeGreaterThan(alone);
  });

  test('numbers go on over what the asker knows, and far over it where others may have been given some', async () => {
    const node = nodeOf('a');
    const next = (known: number, isUnsure = false) =>
      node.takeSegmentNos(meeting, { count: 1, atLeast: 1, known, isUnsure });
    expect(await next(0)).toBe(1);
    expect(await next(7)).toBe(8);
    const unsure = await next(8, true);
    expect(unsure).toBeGreaterThan(1_008);
    const { segmentNo } = await node.renew(meeting, share([], { segmentNo: unsure }));
    expect(segmentNo).toBe(unsure);
    const jumped = await node.renew(meeting, share([], { segmentNo: unsure, isUnsure: true }));
    expect(jumped.segmentNo).toBeGreaterThanOrEqual(unsure + 1_000);
  });

  async function startNode(): Promise<{
    registry: Registry;
    cut: () => Promise<void>;
    heal: () => Promise<void>;
  }> {
    const proxy = await openFaultProxy({ port: redis.port });
    const registry = redisRegistry({ url: `redis://127.0.0.1:${proxy.port}`, leaseMs: longMs });
    let isAway = false;
    registry.remote?.watch((state) => {
      isAway = state === 'away';
    });
    onTestFinished(async () => {
      await registry.close();
      await proxy.close();
    });
    await registry.remote?.ping();
    const cut = async () => {
      proxy.refuse(true);
      await vi.waitFor(() => expect(isAway).toBe(true), generous);
    };
    const heal = async () => {
      proxy.refuse(false);
      await vi.waitFor(() => expect(isAway).toBe(false), generous);
    };
    return { registry, cut, heal };
  }
  const claimed = async ({ registry }: { registry: Registry }, source: Source) =>
    (await registry.claim(meeting, source, source)) as Claim;

  test('a node that is isolated right after its claim knows who else sends, and how far they had counted', async () => {
    const [here, there] = [await startNode(), await startNode()];
    await claimed(there, 'system');
    const last = await there.registry.nextSegmentNo(meeting, 5_000_000);
    const mic = await claimed(here, 'mic');
    await here.cut();
    expect(await here.registry.nextSegmentNo(meeting, 1)).toBeGreaterThan(last);
    expect(await mic.release()).toBe('ongoing');
  });

  test('an answer that is no outage is an error, and decides nothing', async () => {
    const { registry } = await startNode();
    await client.set(keysOf(meeting)[0] ?? '', 'not a hash');
    await expect(registry.claim(meeting, 'mic', 's')).rejects.toThrow(/WRONGTYPE/);
  });

  test('a node that closes gives back what it has, in however many meetings', async () => {
    const { registry } = await startNode();
    const meetings = Array.from({ length: 70 }, () => freshMeeting());
    await Promise.all(meetings.map((one) => registry.seat(one, 'v', 1)));
    await registry.close();
    const left = await Promise.all(meetings.map(async (one) => (await nodeOf('b').counts(one)).seats));
    expect(left).toEqual(meetings.map(() => 0));
  });

  test('what a node hears of another claim than the one it has changes nothing', async () => {
    const here = await startNode();
    const { tenant, id } = meeting;
    const claim = await claimed(here, 'mic');
    const witness = await claimed(here, 'system');
    const args = ['b', longMs, longMs, 'mic', 'another', 0, Number.MAX_SAFE_INTEGER, 0];
    const [, , , node] = (await runScript(client, claimScript, keysOf(meeting), args)) as unknown[];
    const channel = `meetcast:lost:${node}`;
    await expect.poll(() => client.publish(channel, 'nothing'), generous).toBe(1);
    const tell = (what: string, fence: number, source: Source) =>
      client.publish(channel, `${what} ${fence} ${source} ${tenant}/${id}`);
    for (const fence of [claim.fence - 1, claim.fence + 1]) await tell('wanted', fence, 'mic');
    for (const fence of [claim.fence - 1, claim.fence]) await tell('lost', fence, 'mic');
    // What is said in one channel is heard in its order.
    await tell('wanted', witness.fence, 'system');
    await expect.poll(() => witness.wanted.aborted, generous).toBe(true);
    expect([claim.wanted.aborted, claim.lost.aborted, witness.lost.aborted]).toEqual([false, false, false]);
    await tell('lost', claim.fence + 1, 'mic');
    await expect.poll(() => claim.lost.aborted, generous).toBe(true);
    expect(witness.lost.aborted).toBe(false);
  });

  test('after an outage a node goes far over the numbers of meetings that it has never heard of', async () => {
    const [here, there] = [await startNode(), await startNode()];
    const given: number[] = [];
    for (let count = 0; count < 20; count += 1) given.push(await there.registry.nextSegmentNo(meeting, 1));
    await here.cut();
    await client.del(...keysOf(meeting));
    await here.heal();
    given.push(await here.registry.nextSegmentNo(meeting, 1));
    expect(given.at(-1)).toBeGreaterThan(1_000);
    given.push(await there.registry.nextSegmentNo(meeting, 1));
    expect(new Set(given).size).toBe(given.length);
  });
});
