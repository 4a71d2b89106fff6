/** A meeting on a bad day: two senders and some viewers behind failing links, a bus that loses things, a recognizer that drops. */

import { publish, type Subscription, type SubscriptionEvent, subscribe } from '@meetcast/client';
import type { Source } from '@meetcast/protocol';
import { memoryRegistry, memoryStore } from '@meetcast/server';
import { type FaultProxy, openFaultProxy } from '@meetcast/testing';
import * as fc from 'fast-check';
import { expect, vi } from 'vitest';
import { unreliableBus } from './adapters.ts';
import type { Viewer } from './peer.ts';
import { expectUnbroken, type Speech, speech, wordsIn } from './speech.ts';
import { mintToken, type Stage, startHub, unhurried } from './start-hub.ts';

const links = ['mic', 'system', 'viewer-0', 'viewer-1'] as const;
type LinkName = (typeof links)[number];

type Trouble = { atMs: number } & (
  | { kind: 'reset'; link: LinkName }
  | { kind: 'stall'; link: LinkName; forMs: number }
  | { kind: 'delay'; link: LinkName; forMs: number; byMs: number }
  | { kind: 'cut'; link: LinkName; afterBytes: number }
  | { kind: 'refuse'; link: LinkName; forMs: number }
  | { kind: 'recognizer'; how: 'fin' | 'rst' | 'unclean' | 'clean' }
  | { kind: 'newcomer'; history: 'all' | 'none' | number }
);

export interface Storm {
  words: Record<Source, number>;
  seed: number;
  /** How many times real time the senders speak. */
  speedUp: number;
  chunkBytes: number;
  bus: { lose: number; repeat: number; late: number };
  troubles: Trouble[];
}

const stormMs = 1_500;
const atMs = fc.integer({ min: 0, max: stormMs });
const link = fc.constantFrom(...links);
const share = fc.integer({ min: 0, max: 50 }).map((percent) => percent / 100);

export const storms: fc.Arbitrary<Storm> = fc.record({
  words: fc.record({ mic: fc.integer({ min: 0, max: 30 }), system: fc.integer({ min: 0, max: 30 }) }),
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  speedUp: fc.integer({ min: 3, max: 20 }),
  chunkBytes: fc.integer({ min: 1, max: 20_000 }),
  bus: fc.record({ lose: share, repeat: share, late: share }),
  troubles: fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('reset' as const), atMs, link }),
      fc.record({
        kind: fc.constant('stall' as const),
        atMs,
        link,
        forMs: fc.integer({ min: 10, max: 500 }),
      }),
      fc.record({
        kind: fc.constant('delay' as const),
        atMs,
        link,
        forMs: fc.integer({ min: 10, max: 300 }),
        byMs: fc.integer({ min: 1, max: 30 }),
      }),
      fc.record({
        kind: fc.constant('cut' as const),
        atMs,
        link,
        afterBytes: fc.integer({ min: 1, max: 600 }),
      }),
      fc.record({
        kind: fc.constant('refuse' as const),
        atMs,
        link,
        forMs: fc.integer({ min: 10, max: 200 }),
      }),
      fc.record({
        kind: fc.constant('recognizer' as const),
        atMs,
        how: fc.constantFrom('fin' as const, 'rst' as const, 'unclean' as const, 'clean' as const),
      }),
      fc.record({
        kind: fc.constant('newcomer' as const),
        atMs,
        history: fc.oneof(fc.constantFrom('all' as const, 'none' as const), fc.integer({ min: 0, max: 20 })),
      }),
    ),
    { maxLength: 14 },
  ),
});

interface Watcher {
  name: string;
  subscription: Subscription;
  /** Every entry with a `seq`, as it came. */
  entries: (SubscriptionEvent & { seq: number })[];
  /** How its link fared, for the report of a failure. */
  story: string[];
}

/** Lets the storm pass over a meeting; afterwards words said = stored = seen by every viewer. */
export async function weather(storm: Storm): Promise<void> {
  // First: making sound takes the process long enough for links to seem dead.
  const said: Record<Source, Speech> = {
    mic: speech(storm.words.mic, storm.seed),
    system: speech(storm.words.system, storm.seed + 1),
  };
  const random = randomFrom(storm.seed);
  const bus = unreliableBus({ random, ...storm.bus });
  const limits = { ...unhurried, headCheckMs: 50, heartbeatMs: 500 };
  const shared = { bus, store: memoryStore(), registry: memoryRegistry(), limits };
  const stage = await startHub(shared);
  // Viewers are on another node, so that the bus is between them and the senders.
  const watching = await startHub(shared);
  const portOf = (name: LinkName) => (name.startsWith('viewer') ? watching : stage).port;
  const proxies = Object.fromEntries(
    await Promise.all(
      links.map(async (name) => [name, await openFaultProxy({ port: portOf(name) })] as const),
    ),
  ) as Record<LinkName, FaultProxy>;
  const token = await mintToken();
  const optionsFor = (port: number) => ({
    url: `http://127.0.0.1:${port}`,
    meeting: 'm',
    token,
    backoff: { minMs: 10, maxMs: 60 },
    heartbeatMs: 150,
    connectTimeoutMs: 400,
  });
  const watchers: Watcher[] = [];
  const watch = (name: string, port: number, history: 'all' | 'none' | number = 'all') => {
    const subscription = subscribe({ ...optionsFor(port), history });
    const watcher: Watcher = { name, subscription, entries: [], story: [] };
    const born = performance.now();
    subscription.on('event', (event) => {
      if ('seq' in event && event.seq !== undefined)
        watcher.entries.push(event as SubscriptionEvent & { seq: number });
    });
    subscription.on('connection', ({ status, code = '', reason = '' }) => {
      watcher.story.push(`${Math.round(performance.now() - born)} ms: ${status} ${code} ${reason}`);
    });
    watchers.push(watcher);
  };
  watch('viewer-0', proxies['viewer-0'].port);
  watch('viewer-1', proxies['viewer-1'].port);
  // Its link is sound, and no client of ours hides from it what the hub says.
  const bystander = await watching.viewer();

  const say = async (source: Source) => {
    const publisher = publish({ ...optionsFor(proxies[source].port), source, sampleRate: 16_000 });
    const { pcm } = said[source];
    const from = performance.now();
    for (let at = 0; at < pcm.length; at += storm.chunkBytes) {
      const chunk = pcm.subarray(at, at + storm.chunkBytes);
      void publisher.write(new Uint8Array(chunk));
      const dueMs = (at + chunk.length) / 32 / storm.speedUp;
      const aheadMs = from + dueMs - performance.now();
      if (aheadMs > 1) await pause(aheadMs);
    }
    return await publisher.finalize();
  };

  try {
    const speaking = Promise.all([say('mic'), say('system')]);
    speaking.catch(() => {});
    await bringAbout(storm, stage, proxies, (history) =>
      watch(`newcomer ${history}`, watching.port, history),
    );
    await speaking;
    await check(stage, said, watchers, bystander);
  } finally {
    for (const { subscription } of watchers) subscription.close();
    for (const proxy of Object.values(proxies)) await proxy.close();
    await watching.close();
    await stage.close();
  }
}

async function bringAbout(
  { troubles }: Storm,
  stage: Stage,
  proxies: Record<LinkName, FaultProxy>,
  join: (history: 'all' | 'none' | number) => void,
): Promise<void> {
  const from = performance.now();
  const until = async (ms: number) => {
    const waitMs = from + ms - performance.now();
    if (waitMs > 0) await pause(waitMs);
  };
  const endings = [...troubles]
    .sort((one, other) => one.atMs - other.atMs)
    .map(async (trouble) => {
      await until(trouble.atMs);
      if (trouble.kind === 'newcomer') return join(trouble.history);
      if (trouble.kind === 'recognizer') return hurtRecognizer(stage, trouble.how);
      const proxy = proxies[trouble.link];
      if (trouble.kind === 'reset') return proxy.drop('rst');
      if (trouble.kind === 'cut') return proxy.cutAfter(trouble.afterBytes);
      if (trouble.kind === 'stall') proxy.stall(true);
      if (trouble.kind === 'delay') proxy.delay(trouble.byMs);
      if (trouble.kind === 'refuse') proxy.refuse(true);
      await until(trouble.atMs + trouble.forMs);
      if (trouble.kind === 'stall') proxy.stall(false);
      if (trouble.kind === 'delay') proxy.delay(0);
      if (trouble.kind === 'refuse') proxy.refuse(false);
    });
  await Promise.all(endings);
  for (const proxy of Object.values(proxies)) proxy.cutAfter(Number.POSITIVE_INFINITY);
}

function hurtRecognizer({ simulator }: Stage, how: 'fin' | 'rst' | 'unclean' | 'clean'): void {
  if (how === 'fin' || how === 'rst') simulator.fault({ kind: how });
  else simulator.fault({ kind: 'close', code: how === 'clean' ? 1000 : 1011 });
}

async function check(
  stage: Stage,
  said: Record<Source, Speech>,
  watchers: Watcher[],
  bystander: Viewer,
): Promise<void> {
  const { seq: head } = (await (await stage.get('ws/meetings/m/stats')).json()) as { seq: number };
  for (const { name, subscription, story } of watchers) {
    const label = `${name} sees the end (${story.join('; ')})`;
    await vi.waitFor(() => expect(subscription.position?.seq, label).toBe(head), {
      timeout: 60_000,
      interval: 10,
    });
  }
  const gone = () => JSON.stringify({ readyState: bystander.ws.readyState, ...bystander.closing });
  await vi.waitFor(() => expect(bystander.seqs.at(-1), `the bystander sees the end ${gone()}`).toBe(head), {
    timeout: 60_000,
    interval: 10,
  });
  expectUnbroken(bystander, 1);
  const stored = await stage.transcript();
  for (const source of ['mic', 'system'] as const) {
    expect(wordsIn(stored, source), `stored words of ${source}`).toEqual(said[source].words);
  }
  expect(new Set(stored.map(({ segment_no }) => segment_no)).size).toBe(stored.length);
  for (const { name, subscription, entries } of watchers) {
    const first = entries[0]?.seq ?? head + 1;
    const seqs = entries.map(({ seq }) => seq);
    expect(seqs, `entries of ${name}`).toEqual(
      Array.from({ length: head - first + 1 }, (_, index) => first + index),
    );
    if (!name.startsWith('newcomer') || name.endsWith('all')) expect(first, `first entry of ${name}`).toBe(1);
    const finals = stored.filter(({ seq }) => seq >= first);
    expect(entries.filter(({ type }) => type === 'transcript.final')).toEqual(finals);
    expect(subscription.transcript.finals, `transcript of ${name}`).toEqual(finals);
  }
  expectOrder(stored);
}

/** Each source's words stand one after another on the meeting's clock. */
function expectOrder(stored: Awaited<ReturnType<Stage['transcript']>>): void {
  for (const source of ['mic', 'system'] as const) {
    const own = stored.filter(({ meta }) => meta?.source === source);
    for (const [index, final] of own.entries()) {
      expect(final.start_ms).toBeGreaterThanOrEqual((own[index - 1]?.end_ms ?? 0) - 20);
      expect(final.end_ms).toBeGreaterThan(final.start_ms);
    }
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A linear congruence is random enough for faults. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
