/** Two nodes that number what two sources and a host say, through any trouble: no number names two utterances. */
import type { MeetingRef, Numbering, Registry } from '@meetcast/server';
import { redisRegistry } from '@meetcast/server/redis';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freshMeeting } from '../../packages/server/test/support/entries.ts';
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts';
import { hasRedisServer, type RedisServer, startRedis } from '../support/redis-servers.ts';

const runs = Number(process.env.MEETCAST_PROPERTY_RUNS ?? 12);
const generous = { timeout: 90_000, interval: 20 };

/** What happens next: `node` and `source` are 0 or 1. */
type Step =
  | { readonly kind: 'begin' | 'stored'; readonly node: number; readonly source: number }
  | { readonly kind: 'say'; readonly node: number; readonly source: number; readonly count: number }
  | { readonly kind: 'host' | 'restart' | 'cut' | 'stall' | 'heal'; readonly node: number }
  | { readonly kind: 'flush' };

const [node, source] = [fc.nat({ max: 1 }), fc.nat({ max: 1 })];
const steps = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant('say'), node, source, count: fc.nat({ max: 90 }) }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('begin'), node, source }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('host'), node }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('stored'), node, source }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('cut', 'stall', 'heal', 'heal'), node }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart'), node }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush') }) },
  ) as fc.Arbitrary<Step>,
  { minLength: 10, maxLength: 40 },
);

/** A node, and what its present registry gave to each source of the meeting. */
class Node {
  readonly proxy: FaultProxy;
  #registry: Registry;
  #numberings: (Numbering | undefined)[] = [];

  private constructor(proxy: FaultProxy, registry: Registry) {
    this.proxy = proxy;
    this.#registry = registry;
  }

  static async start(redis: RedisServer): Promise<Node> {
    const proxy = await faultProxy({ port: redis.port });
    const node = new Node(proxy, redisRegistry({ url: `redis://127.0.0.1:${proxy.port}` }));
    await node.ready();
    return node;
  }

  get registry(): Registry {
    return this.#registry;
  }

  ready(): Promise<void> {
    return vi.waitFor(async () => this.#registry.remote?.ping(), generous);
  }

  async restart(): Promise<void> {
    await this.#registry.close();
    this.#numberings = [];
    this.#registry = redisRegistry({ url: `redis://127.0.0.1:${this.proxy.port}` });
  }

  async numberingOf(source: number, meeting: MeetingRef, floor: number): Promise<Numbering> {
    const numbering = this.#numberings[source] ?? (await this.#registry.numbering(meeting, floor));
    this.#numberings[source] = numbering;
    return numbering;
  }

  end(source: number): void {
    this.#numberings[source] = undefined;
  }

  heal(): void {
    this.proxy.refuse(false);
    this.proxy.stall(false);
  }

  async close(): Promise<void> {
    await this.#registry.close();
    await this.proxy.close();
  }
}

/** One meeting: every number that was given, and the highest in its log. */
class Numbered {
  readonly #redis: RedisServer;
  readonly #nodes: readonly Node[];
  readonly #meeting = freshMeeting();
  readonly #given = new Set<number>();
  #stored = 0;

  constructor(redis: RedisServer, nodes: readonly Node[]) {
    this.#redis = redis;
    this.#nodes = nodes;
  }

  async happen(step: Step): Promise<void> {
    if (step.kind === 'flush') {
      await this.#redis.ask('FLUSHALL');
      this.#store(); // As in life: what was said before has been stored.
      return;
    }
    const node = this.#nodes[step.node];
    if (!node) throw new Error('no such node');
    if (step.kind === 'cut') node.proxy.refuse(true);
    if (step.kind === 'stall') node.proxy.stall(true);
    if (step.kind === 'heal') node.heal();
    if (step.kind === 'restart') await node.restart();
    if (step.kind === 'stored') this.#store();
    if (step.kind === 'begin') node.end(step.source);
    if (step.kind === 'host') this.#give(await node.registry.nextSegmentNo(this.#meeting, this.#stored + 1));
    if (step.kind === 'say') await this.#say(node, step.source, step.count);
  }

  async #say(node: Node, source: number, count: number): Promise<void> {
    const numbering = await node.numberingOf(source, this.#meeting, this.#stored + 1);
    let last = 0;
    for (let said = 0; said < count; said += 1) {
      const number = numbering.next();
      expect(number).toBeGreaterThan(last);
      last = number;
      this.#give(number);
    }
  }

  #store(): void {
    this.#stored = Math.max(0, ...this.#given);
  }

  #give(number: number): void {
    expect(this.#given).not.toContain(number);
    this.#given.add(number);
  }
}

describe.skipIf(!hasRedisServer)('two nodes', { timeout: 60_000 + runs * 15_000 }, () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.close());

  test('and two sources never give one number twice', async () => {
    const hold = fc.asyncProperty(steps, async (all) => {
      const nodes = await Promise.all([Node.start(redis), Node.start(redis)]);
      try {
        const numbered = new Numbered(redis, nodes);
        // A log that has nothing tells a node nothing, should Redis forget at that very moment.
        await numbered.happen({ kind: 'host', node: 0 });
        for (const step of all) await numbered.happen(step);
        for (const node of nodes) node.heal();
        await Promise.all(nodes.map((node) => node.ready()));
        for (const index of [0, 1, 0, 1]) {
          for (const source of [0, 1]) await numbered.happen({ kind: 'say', node: index, source, count: 80 });
        }
      } finally {
        for (const node of nodes) node.heal();
        await Promise.all(nodes.map((node) => node.close()));
      }
    });
    // Shrinking goes through seconds of outages again and again: the seed brings back the whole run instead.
    await fc.assert(hold, { numRuns: runs, endOnFailure: true });
  });
});
