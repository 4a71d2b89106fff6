// A source that breaks off on one node while others send, or end the meeting, on another: one log, whoever is where.

import type { LoggedEvent } from '@meetcast/protocol';
import {
  memoryBus,
  memoryRegistry,
  memoryStore,
  type Registry,
  StaleFenceError,
  type Store,
} from '@meetcast/server';
import { redisRegistry } from '@meetcast/server/redis';
import { openFaultProxy } from '@meetcast/testing';
import { describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { storeWith } from '../../packages/server/test/support/store-with.ts';
import {
  brokenOff,
  bytesAfter,
  bytesAt,
  done,
  entriesIn,
  soon,
  statusesIn,
  stepped,
} from '../support/broken-off.ts';
import type { Sender } from '../support/peer.ts';
import { expectTimes, expectWords, type Speech, speech, wordsIn } from '../support/speech.ts';
import { handshakeOf, type Stage, startHub, unhurried } from '../support/start-hub.ts';

const redisUrl = inject('redisUrl') ?? '';

async function redisNodes(): Promise<[Registry, Registry]> {
  const nodes: [Registry, Registry] = [redisRegistry({ url: redisUrl }), redisRegistry({ url: redisUrl })];
  onTestFinished(async () => {
    await Promise.all(nodes.map((node) => node.close()));
  });
  // Until a node has met Redis it decides alone.
  for (const { remote } of nodes) await vi.waitFor(() => remote?.ping(), soon);
  return nodes;
}

async function oneRegistry(): Promise<[Registry, Registry]> {
  const registry = memoryRegistry();
  return [registry, registry];
}

const kinds = [
  { kind: 'one registry', registries: oneRegistry },
  ...(redisUrl ? [{ kind: 'registries in Redis', registries: redisNodes }] : []),
];

describe.each(kinds)('two nodes, $kind', ({ registries }) => {
  let tenant: string;

  interface Pair {
    readonly here: Stage;
    readonly there: Stage;
    readonly store: Store;
  }

  interface Apart {
    store?: Store;
    /** The same, as the first node has it. */
    hereStore?: Store;
    graceMs?: number;
  }

  async function twoNodes({
    store = memoryStore(),
    hereStore,
    graceMs = 600_000,
  }: Apart = {}): Promise<Pair> {
    // What is in Redis of the meeting "m" is another test's: so is the tenant.
    tenant = `t-${crypto.randomUUID()}`;
    const [one, two] = await registries();
    const shared = { bus: memoryBus(), limits: { ...unhurried, graceMs } };
    const here = await startHub({ ...shared, store: hereStore ?? store, registry: one });
    return { here, there: await startHub({ ...shared, store, registry: two }), store };
  }

  const logIn = (store: Store) => entriesIn(store, { tenant, id: 'm' });
  const finalsIn = (entries: readonly LoggedEvent[]) =>
    entries.filter((entry) => entry.type === 'transcript.final');

  /** Says the rest after what is durable. */
  async function sayOn(back: Sender, said: Speech): Promise<void> {
    const { resume_from_ms: fromMs = Number.NaN } = await back.until('handshake_ack');
    await back.say(said.pcm.subarray(bytesAt(fromMs)));
  }

  test('[ING12, ING19] a connection that its sender has left at the door takes nothing from the next one', async () => {
    const inner = memoryStore();
    let [isAsked, tell] = [false, () => {}];
    const told = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const hereStore = storeWith(inner, {
      async append(...args: Parameters<Store['append']>) {
        if (args[1].type === 'gap') isAsked = true;
        if (args[1].type === 'gap') await told;
        return inner.append(...args);
      },
    });
    const { here, there } = await twoNodes({ store: inner, hereStore });
    const said = speech(20, 57);
    await brokenOff(here, said, 11, await here.sender({ tenant, session: 'one' }));
    // At the other door it begins anew, and waits until the gap is told: then its link dies without a word.
    const link = await openFaultProxy({ port: there.port });
    onTestFinished(() => link.close());
    const left = await there.stranger({ tenant, port: link.port });
    left.send(handshakeOf({ session: 'one' }));
    await vi.waitFor(() => expect(isAsked).toBe(true), soon);
    link.stall(true);
    const back = await here.stranger({ tenant });
    back.send(handshakeOf({ session: 'one', resume: true }));
    await stepped(here, 'handshake_complete', 2);
    tell();
    const { resume_from_ms: fromMs = Number.NaN } = await back.until('handshake_ack');
    await back.say(said.pcm.subarray(bytesAt(fromMs)), { everyMs: 100 });
    expect(await back.finalize()).toEqual(done);
    const finals = finalsIn(await logIn(inner));
    expect(wordsIn(finals, 'mic')).toEqual(said.words);
  });

  test('[ING20] a node that waits writes nothing of what another one has taken over', async () => {
    const inner = memoryStore();
    const refused: unknown[] = [];
    const hereStore = storeWith(inner, {
      append: (...args: Parameters<Store['append']>) =>
        inner.append(...args).catch((error: unknown) => {
          refused.push(error);
          throw error;
        }),
    });
    const { here, there } = await twoNodes({ store: inner, hereStore });
    const viewer = await there.viewer({ tenant });
    const said = speech(20, 52);
    const old = await here.sender({ tenant });
    const { session_id: session = '' } = await old.until('handshake_ack');
    await brokenOff(here, said, 11, old);
    const back = await there.sender({ tenant, session, resume: true });
    await sayOn(back, said);
    expect(await back.finalize()).toEqual(done);
    await viewer.status('ended');
    await here.hub.close();
    expect(refused.map((error) => error instanceof StaleFenceError)).toEqual([true]);
    expect(here.observed.filter(({ type }) => type === 'error')).toEqual([]);
    const stored = await expectWords(there, { mic: said.words }, { viewers: [viewer], tenant });
    expectTimes(stored, 'mic', said);
    expect(statusesIn(await logIn(inner))).toEqual(['live', 'recovered', 'ended']);
  });

  test.each([
    ['held back', undefined],
    ['left to its sender', 'one'],
  ])(
    '[ING15, ING20] the other source finalizes elsewhere: ended once, after what is left to say (%s)',
    async (_, session) => {
      const { here, there, store } = await twoNodes();
      const viewer = await there.viewer({ tenant });
      const [said, other] = [speech(20, 53), speech(5, 54)];
      const system = await there.sender({ tenant, source: 'system' });
      await brokenOff(here, said, 11, await here.sender({ tenant, ...(session && { session }) }));
      await system.say(other.pcm);
      expect(await system.finalize()).toEqual(done);
      expect(await system.status('ended')).not.toHaveProperty('seq');
      expect(statusesIn(await logIn(store))).toEqual(['live', 'live']);
      await here.hub.close();
      const entries = await logIn(store);
      expect(statusesIn(entries)).toEqual(['live', 'live', 'ended']);
      const ended = entries.at(-1);
      expect(ended).toMatchObject({ type: 'status', status: 'ended' });
      expect(wordsIn(finalsIn(entries), 'mic')).toEqual(said.words.slice(0, session ? 10 : 11));
      expect(entries.filter(({ type }) => type === 'gap')).toHaveLength(session ? 1 : 0);
      expect(wordsIn(finalsIn(entries), 'system')).toEqual(other.words);
      expect(await viewer.status('ended')).toMatchObject({ seq: ended?.seq });
    },
  );

  test.each(['here', 'there'] as const)(
    '[ING15, ING20] the other source finalizes elsewhere, and this one comes back %s: ended once, with it',
    async (where) => {
      const pair = await twoNodes();
      const { here, there, store } = pair;
      const viewer = await there.viewer({ tenant });
      const said = speech(20, 55);
      const system = await there.sender({ tenant, source: 'system' });
      await brokenOff(here, said, 11, await here.sender({ tenant, session: 'one' }));
      expect(await system.finalize()).toEqual(done);
      const back = await pair[where].sender({ tenant, session: 'one', resume: true });
      await sayOn(back, said);
      expect(await back.finalize()).toEqual(done);
      await viewer.status('ended');
      await here.hub.close();
      await expectWords(there, { mic: said.words }, { viewers: [viewer], tenant });
      const entries = await logIn(store);
      expect(statusesIn(entries)).toEqual(['live', 'live', 'recovered', 'ended']);
      expect(entries.at(-1)).toMatchObject({ type: 'status', status: 'ended' });
    },
  );

  test.each([
    ['another session', { before: undefined, after: undefined }],
    ['another session that says it resumes', { before: undefined, after: { session: 'two', resume: true } }],
    ['another session, of a sender with a name', { before: 'one', after: undefined }],
    ['the same session, anew', { before: 'one', after: { session: 'one' } }],
  ])('[ING20] a newcomer elsewhere (%s) speaks after the last words, or their gap', async (_, sessions) => {
    const { here, there, store } = await twoNodes();
    const viewer = await there.viewer({ tenant });
    const [first, second] = [speech(20, 56), speech(6, 57)];
    const { before, after } = sessions;
    await brokenOff(here, first, 11, await here.sender({ tenant, ...(before && { session: before }) }));
    const next = await there.sender({ tenant, ...after });
    await next.say(second.pcm);
    expect(await next.finalize()).toEqual(done);
    await viewer.status('ended');
    await here.hub.close();
    const heard = first.words.slice(0, before ? 10 : 11);
    await expectWords(there, { mic: [...heard, ...second.words] }, { viewers: [viewer], tenant });
    const entries = await logIn(store);
    const started = entries.findLastIndex((entry) => entry.type === 'status' && entry.status !== 'ended');
    expect(wordsIn(finalsIn(entries.slice(0, started)), 'mic')).toEqual(heard);
    const gaps = entries.filter((entry) => entry.type === 'gap');
    expect(gaps).toHaveLength(before ? 1 : 0);
    for (const gap of gaps) {
      expect(entries.indexOf(gap)).toBeLessThan(started);
      expect(gap).toMatchObject({ cause: 'not_sent_again', end_ms: Math.floor(bytesAfter(first, 11) / 32) });
    }
    expect(statusesIn(entries.slice(0, started))).toEqual(['live']);
    expect(here.observed.filter(({ type }) => type === 'error')).toEqual([]);
  });

  test('[ING20] a newcomer elsewhere that is refused after all: the meeting idles once, in its time', async () => {
    const { here, there, store } = await twoNodes({ graceMs: 6_000 });
    const viewer = await there.viewer({ tenant });
    const said = speech(20, 58);
    await brokenOff(here, said, 11, await here.sender({ tenant }));
    there.simulator.fault({ kind: 'refuse', status: 402 });
    const late = await there.stranger({ tenant });
    late.send({ type: 'handshake', source: 'mic', sample_rate: 16_000 });
    expect((await late.closed).code).toBe(4010);
    await expectWords(there, { mic: said.words.slice(0, 11) }, { tenant });
    await viewer.status('idle');
    expect(statusesIn(await logIn(store))).toEqual(['live', 'idle']);
  });

  test('[ING15] such a meeting that ends meanwhile has ended, and does not idle or end again', async () => {
    const { here, there, store } = await twoNodes();
    const system = await there.sender({ tenant, source: 'system' });
    await brokenOff(here, speech(20, 60), 11, await here.sender({ tenant }));
    there.simulator.fault({ kind: 'refuse', status: 402 });
    const late = await there.stranger({ tenant });
    late.send({ type: 'handshake', source: 'mic', sample_rate: 16_000 });
    expect((await late.closed).code).toBe(4010);
    expect(await system.finalize()).toEqual(done);
    await here.hub.close();
    expect(statusesIn(await logIn(store))).toEqual(['live', 'live', 'ended']);
  });

  test('[REST3] a source that is waited for is not counted as one that is sent', async () => {
    const { here, there } = await twoNodes();
    const stats = async () => await (await there.get('ws/meetings/m/stats', { tenant })).json();
    const sender = await here.sender({ tenant });
    expect(await stats()).toMatchObject({ ingest_active: true });
    await brokenOff(here, speech(5, 59), 3, sender);
    await vi.waitFor(async () => expect(await stats()).toMatchObject({ ingest_active: false }), soon);
    await here.hub.close();
  });
});
