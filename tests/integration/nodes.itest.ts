// Several hubs on one store, as nodes of a cluster are, without Redis: what the hub itself does when it is one of many.
import type { MeetingStats } from '@meetcast/protocol';
import {
  type Claim,
  type Limits,
  memoryBus,
  memoryRegistry,
  memoryStore,
  type Registry,
  type Store,
} from '@meetcast/server';
import { describe, expect, test, vi } from 'vitest';
import { finalEntry } from '../../packages/server/test/support/entries.ts';
import { clusterOf } from '../../packages/server/test/support/nodes.ts';
import { storeWith } from '../../packages/server/test/support/store-with.ts';
import { Gate } from '../support/adapters.ts';
import type { Peer } from '../support/peer.ts';
import { expectUnbroken, expectWords, speech } from '../support/speech.ts';
import { handshakeOf, mintToken, type Stage, startHub, unhurried } from '../support/start-hub.ts';

const done = { code: 1000, reason: 'done' };
const soon = { timeout: 60_000, interval: 5 };
const ref = { tenant: 'acme', id: 'm' };
/** Above every fence that a registry would give by its clock. */
const farFence = (Date.now() + 86_400_000) * 1_000;

/** A registry that says which claims were asked for, and which are held. */
function watchedRegistry(inner: Registry = memoryRegistry()) {
  const asked: { session: string; above: number | undefined }[] = [];
  const registry: Registry = {
    ...inner,
    async claim(meeting, source, session, options) {
      asked.push({ session, above: options?.above });
      return await inner.claim(meeting, source, session, options);
    },
  };
  const held = async () => (await inner.counts(ref)).ingests;
  return { registry, asked, held };
}

describe('a fence below what the store has seen', () => {
  test.each([false, true])('a new run (resumed: %s) claims again above it, and goes on', async (resume) => {
    const store = memoryStore();
    await store.cover(ref, { source: 'mic', fence: farFence, coveredMs: 0 });
    const { registry, asked, held } = watchedRegistry();
    const stage = await startHub({ store, registry });
    const viewer = await stage.viewer();
    const said = speech(8, 41);
    const sender = await stage.sender({ session: 'one', resume });
    expect(asked).toEqual([
      { session: 'one', above: undefined },
      { session: 'one', above: farFence },
    ]);
    await sender.say(said.pcm);
    expect(await sender.finalize()).toEqual(done);
    await viewer.status('ended');
    await expectWords(stage, { mic: said.words }, { viewers: [viewer] });
    expect(await held()).toEqual([]);
  });

  test('a registry that never gets above it is asked a few times, and the sender is told', async () => {
    const inner = memoryStore();
    let fence = farFence;
    const store = storeWith(inner, {
      async cover(...[meeting, reach]: Parameters<Store['cover']>) {
        fence += 1_000;
        await inner.cover(meeting, { ...reach, fence, coveredMs: 0 });
        return await inner.cover(meeting, reach);
      },
    });
    const { registry, asked, held } = watchedRegistry();
    const stage = await startHub({ store, registry });
    const sender = await stage.stranger();
    sender.send(handshakeOf());
    expect((await sender.closed).code).toBe(4009);
    expect(asked).toHaveLength(4);
    await vi.waitFor(async () => expect(await held()).toEqual([]), soon);
  });

  test('a sender that leaves while its claim is raised leaves no claim behind', async () => {
    const store = memoryStore();
    await store.cover(ref, { source: 'mic', fence: farFence, coveredMs: 0 });
    const gate = new Gate();
    const raised: Claim[] = [];
    const inner = memoryRegistry();
    const { registry, held } = watchedRegistry({
      ...inner,
      async claim(meeting, source, session, options) {
        const isRaised = options?.above !== undefined;
        if (isRaised) await gate.pass();
        const claim = await inner.claim(meeting, source, session, options);
        if (isRaised && claim.kind === 'claim') raised.push(claim);
        return claim;
      },
    });
    const stage = await startHub({ store, registry });
    const sender = await stage.stranger();
    sender.send(handshakeOf());
    await vi.waitFor(() => expect(gate.arrived).toBe(1), soon);
    sender.vanish('rst');
    const isOver = () =>
      stage.observed.some((event) => event.type === 'ingest' && event.step === 'cleanup_complete');
    await vi.waitFor(() => expect(isOver()).toBe(true), soon);
    expect(await held()).toEqual([]);
    gate.open();
    await vi.waitFor(() => expect(raised).toHaveLength(1), soon);
    await vi.waitFor(async () => expect(await held()).toEqual([]), soon);
  });

  test('[ING19] an older socket whose place is still looked for does not raise its claim above its successor', async () => {
    const inner = memoryStore();
    const gate = new Gate();
    const store = storeWith(inner, {
      async cover(...[meeting, reach]: Parameters<Store['cover']>) {
        if (gate.arrived === 0) await gate.pass();
        return await inner.cover(meeting, reach);
      },
    });
    const { registry, asked } = watchedRegistry();
    const shared = { registry, bus: memoryBus() };
    const stage = await startHub({ store, ...shared });
    const other = await startHub({ store: inner, ...shared });
    const old = await stage.stranger();
    old.send(handshakeOf({ session: 'one' }));
    await vi.waitFor(() => expect(gate.arrived).toBe(1), soon);
    const next = await other.sender({ session: 'one', resume: true });
    gate.open();
    expect((await old.closed).code).toBe(4009);
    expect(asked.map(({ above }) => above)).toEqual([undefined, undefined]);
    const said = speech(6, 42);
    await next.say(said.pcm);
    expect(await next.finalize()).toEqual(done);
    await expectWords(stage, { mic: said.words });
  });
});

describe('a holder that was replaced and does not know it', () => {
  /** A registry that never tells anybody that a claim is lost, as to a process that sleeps. */
  function silentRegistry(inner: Registry): Registry {
    return {
      ...inner,
      async claim(...args) {
        const claim = await inner.claim(...args);
        return claim.kind === 'claim' ? { ...claim, lost: new AbortController().signal } : claim;
      },
    };
  }

  test('[ING19] writes no entry of any kind, and its sender is told', async () => {
    const store = memoryStore();
    const registry = memoryRegistry();
    const shared = { store, bus: memoryBus() };
    const stage = await startHub({ ...shared, registry: silentRegistry(registry) });
    const other = await startHub({ ...shared, registry });
    for (const command of [{ type: 'off_record', on: true }, { type: 'finalize' }, undefined]) {
      const meeting = `m-${command?.type}`;
      const old = await stage.sender({ meeting, session: 'one' });
      await other.sender({ meeting, session: 'one', resume: true });
      const { seq } = await store.head({ tenant: 'acme', id: meeting });
      if (command) old.send(command);
      else await old.say(speech(8, 43).pcm);
      if (command?.type !== 'finalize') expect((await old.closed).code).toBe(4009);
      else expect((await old.closed).code).toBe(1000);
      expect(await store.read({ tenant: 'acme', id: meeting }, seq, 100)).toMatchObject({ events: [] });
    }
  });

  test.each(['finalize', 'vanish'] as const)(
    '[ING15] whose last word (%s) comes after its successor has begun: the log says nothing, and nobody fails',
    async (how) => {
      const store = memoryStore();
      const registry = memoryRegistry();
      const gate = new Gate();
      const gated: Registry = {
        ...registry,
        async claim(...args) {
          const claim = await registry.claim(...args);
          if (claim.kind !== 'claim') return claim;
          const release = async (how?: 'finalized') => {
            const after = await claim.release(how);
            await gate.pass();
            return after;
          };
          return { ...claim, release };
        },
      };
      const shared = { store, bus: memoryBus() };
      const stage = await startHub({
        ...shared,
        registry: gated,
        limits: { ...unhurried, graceMs: 150 },
      });
      const other = await startHub({ ...shared, registry });
      const viewer = await other.viewer();
      const said = speech(6, 44);
      const first = await stage.sender({ session: 'one' });
      await first.say(said.pcm);
      if (how === 'finalize') first.send({ type: 'finalize' });
      else first.vanish();
      await vi.waitFor(() => expect(gate.arrived).toBe(1), soon);
      const next = await other.sender({ session: 'two' });
      gate.open();
      if (how === 'finalize') {
        expect(await first.closed).toEqual(done);
        expect(await first.status('ended')).toMatchObject({ details: { source: 'mic' } });
        expect((await first.status('ended')).seq).toBe(undefined);
      }
      const isOver = () =>
        stage.observed.some((event) => event.type === 'ingest' && event.step === 'cleanup_complete');
      await vi.waitFor(() => expect(isOver()).toBe(true), soon);
      expect(await next.finalize()).toEqual(done);
      await viewer.status('ended');
      const logged = viewer.of('status').filter(({ seq }) => seq !== undefined);
      expect(logged.map(({ status }) => status)).toEqual(['live', 'live', 'ended']);
      expectUnbroken(viewer);
      expect(stage.observed.filter(({ type }) => type === 'error')).toEqual([]);
    },
  );
});

describe('a node that cannot reach the others', () => {
  const noticesOf = (peer: Peer) =>
    peer
      .of('status')
      .filter(({ seq, status }) => seq === undefined && status !== 'ending')
      .map(({ status, details }) => [status, details?.part]);

  async function twoNodes(limits: Partial<Limits> = {}) {
    const [one, two] = clusterOf(2);
    if (!one || !two) throw new Error('two nodes were asked for');
    const store = memoryStore();
    const stages = await Promise.all(
      [one, two].map((node) => startHub({ ...node, store, limits: { ...unhurried, ...limits } })),
    );
    const [here, there] = stages as [Stage, Stage];
    return { here, there, lines: [one.bus.remote, one.registry.remote] as const, store };
  }

  test('[LOG3] shows it once to everybody on it, newcomers too, and to nobody elsewhere; nothing is missing afterwards', async () => {
    const { here, there, lines, store } = await twoNodes({ headCheckMs: 600_000 });
    const said = speech(12, 45);
    const sender = await there.sender();
    const local = await here.sender({ source: 'system' });
    const [viewer, remote] = [await here.viewer(), await there.viewer()];
    const half = Math.floor(said.pcm.length / 4) * 2;
    await sender.say(said.pcm.subarray(0, half));
    await viewer.until('transcript.final');
    for (const line of lines) line.cut();
    await viewer.status('degraded');
    await local.status('degraded');
    expect((await here.get('health')).status).toBe(503);
    expect(await (await here.get('health')).json()).toMatchObject({ redis: 'down', storage: 'ok' });

    // No announcement comes across, and the log is looked at all the same.
    await there.hub.meeting(ref).tip('said while they were apart');
    await viewer.until('ai.tip');
    const late = await here.viewer();
    expect(late.messages[0]?.type).toBe('connected');
    expect(late.messages[1]).toMatchObject({ status: 'degraded', details: { part: 'redis' } });
    const lateSender = await here.sender({ meeting: 'another' });
    await lateSender.status('degraded');
    const stream = await here.get('meetings/m/events');
    const reader = stream.body?.getReader();
    let told = '';
    while (reader && !told.includes('degraded')) told += Buffer.from((await reader.read()).value ?? []);
    await reader?.cancel();

    await sender.say(said.pcm.subarray(half));
    await remote.until('transcript.final', ({ text }) => said.words.join(' ').endsWith(text));
    for (const line of lines) line.mend();
    for (const peer of [viewer, late, local, lateSender]) {
      const isBack = ({ status, seq }: { status: string; seq?: number | undefined }) =>
        status === 'recovered' && seq === undefined;
      await peer.until('status', isBack);
    }
    expect(await sender.finalize()).toEqual(done);
    expect(await local.finalize()).toEqual(done);
    await Promise.all([viewer, late, remote].map((each) => each.status('ended')));
    await expectWords(here, { mic: said.words }, { viewers: [viewer, late, remote] });
    const both = [
      ['degraded', 'redis'],
      ['recovered', 'redis'],
    ];
    for (const peer of [viewer, late, lateSender]) expect(noticesOf(peer)).toEqual(both);
    expect(noticesOf(local)).toEqual(both);
    expect(noticesOf(remote)).toEqual([]);
    expect(
      (await store.read(ref, 0, 100)).events.map((event) => 'status' in event && event.status),
    ).not.toContain('degraded');
    const changes = here.observed.flatMap((event) =>
      event.type === 'remote' ? [`${event.part} ${event.state}`] : [],
    );
    expect(changes).toEqual(['bus away', 'registry away', 'bus back', 'registry back']);
    expect(await (await here.get('health/detailed')).json()).toMatchObject({
      status: 'ok',
      parts: { redis: { status: 'ok', latency_ms: expect.any(Number) } },
    });
  });

  test('looks at once, when it is back, for what it missed', async () => {
    const { here, there, lines } = await twoNodes({ headCheckMs: 600_000 });
    const viewer = await here.viewer();
    for (const line of lines) line.cut();
    await viewer.status('degraded');
    await there.hub.meeting(ref).tip('said while they were apart');
    for (const line of lines) line.mend();
    await viewer.status('recovered');
    await viewer.until('ai.tip');
  });

  test('[LOG3] a viewer who is still catching up is told too', async () => {
    const [node] = clusterOf(1);
    const gate = new Gate();
    const inner = memoryStore();
    const store = storeWith(inner, {
      async read(...args: Parameters<Store['read']>) {
        await gate.pass();
        return await inner.read(...args);
      },
    });
    await inner.append(ref, finalEntry(1));
    const stage = await startHub({ ...node, store });
    const viewer = await stage.viewer();
    await vi.waitFor(() => expect(gate.arrived).toBeGreaterThan(0), soon);
    node?.bus.remote.cut();
    await viewer.status('degraded');
    node?.bus.remote.mend();
    await viewer.status('recovered');
    gate.open();
    await viewer.until('transcript.final');
  });
});

describe('audio that several nodes heard', () => {
  test('[REST1] stats add up what each node heard, and a later source begins where the furthest of them was', async () => {
    const [one, two] = clusterOf(2);
    const store = memoryStore();
    const here = await startHub({ ...one, store });
    const there = await startHub({ ...two, store });
    const said = speech(10, 46);
    const sender = await here.sender({ session: 'one' });
    await sender.say(said.pcm);
    const { durable_ms: heardMs } = await sender.received(said.ms);
    expect(heardMs).toBeLessThanOrEqual(said.ms);
    const statsOf = async (stage: Stage) =>
      ((await (await stage.get('ws/meetings/m/stats')).json()) as MeetingStats).sources.mic;
    await vi.waitFor(async () => {
      const stats = await statsOf(there);
      expect(stats).toMatchObject({ active: true });
      expect(stats?.received_seconds).toBeCloseTo(said.ms / 1_000, 3);
    }, soon);

    const late = await there.sender({ source: 'system' });
    expect((await late.until('handshake_ack')).resume_from_ms).toBe(Math.floor(said.ms));

    const next = await there.sender({ session: 'one', resume: true });
    const { resume_from_ms: fromMs = Number.NaN } = await next.until('handshake_ack');
    await next.say(said.pcm.subarray(Math.round(fromMs * 16) * 2));
    expect(await next.finalize()).toEqual(done);
    const ended = await next.status('ended');
    const allMs = Math.floor(said.ms);
    // Each node received the end of it; it counts once.
    expect(ended.details?.coverage).toMatchObject({ mic: { received_ms: allMs, covered_ms: allMs } });
    for (const stage of [here, there])
      expect((await statsOf(stage))?.received_seconds).toBeCloseTo(said.ms / 1_000, 3);
    await expectWords(here, { mic: said.words });
    late.vanish();
  });

  test('[ING11] a meeting that another node forgot begins at 0 again, and counts from 0', async () => {
    const [one, two] = clusterOf(2);
    const store = memoryStore();
    const here = await startHub({ ...one, store });
    const there = await startHub({ ...two, store });
    const said = speech(6, 47);
    const first = await there.sender();
    await first.say(said.pcm);
    expect(await first.finalize()).toEqual(done);
    const headers = { authorization: `Bearer ${await mintToken({ role: 'host' })}` };
    const url = `http://127.0.0.1:${here.port}/api/v1/meetings/m`;
    expect((await fetch(url, { method: 'DELETE', headers })).status).toBe(204);

    const stats = async (stage: Stage) =>
      ((await (await stage.get('ws/meetings/m/stats')).json()) as MeetingStats).sources;
    expect(await stats(there)).toEqual({});
    for (const stage of [here, there]) {
      const again = await stage.sender();
      expect((await again.until('handshake_ack')).resume_from_ms).toBe(0);
      again.vanish();
      await vi.waitFor(async () => expect((await stats(stage)).mic?.active).toBe(false), soon);
    }
    for (const stage of [here, there]) expect((await stats(stage)).mic?.received_seconds).toBe(0);
  });
});

test('[SUB4] the words so far of a sender that was lost with its recognizer are not current for a newcomer', async () => {
  const [one, two] = clusterOf(2);
  const store = memoryStore();
  const here = await startHub({ ...one, store, recovery: false });
  const there = await startHub({ ...two, store });
  const witnesses = [await here.viewer(), await there.viewer()];
  const said = speech(12, 5); // Phrases of six words, so that the fifth is in the middle of one.
  const cut = Math.round(((said.times[5]?.startMs ?? 0) + 50) * 16) * 2;
  const sender = await here.sender({ session: 'one' });
  await sender.say(said.pcm.subarray(0, cut));

  for (const witness of witnesses) await witness.until('transcript.partial');
  here.simulator.fault({ kind: 'close', code: 1011 });
  await sender.closed;
  let asked = 0;
  const partialsOf = async (stage: Stage) => {
    const newcomer = await stage.viewer();
    asked += 1;
    const tip = `newcomer ${asked}`;
    await stage.hub.meeting(ref).tip(tip); // What is current comes before it.
    await newcomer.until('ai.tip', (event) => event.tip === tip);
    newcomer.vanish();
    return newcomer.of('transcript.partial');
  };
  expect(await partialsOf(there)).toHaveLength(1);
  await vi.waitFor(async () => expect(await partialsOf(here)).toEqual([]), { ...soon, interval: 100 });
  await here.simulator.clear();
  await here.sender({ session: 'one', resume: true });
  await witnesses[1]?.status('recovered');
  await vi.waitFor(async () => expect(await partialsOf(there)).toEqual([]), { ...soon, interval: 100 });
});
