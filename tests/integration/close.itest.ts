// A node that goes away while people speak and watch: who is told what, in which order, and where they find their place.
import { jwtAuthenticator, memoryStore, type Registry, type Store } from '@meetcast/server';
import { expect, test, vi } from 'vitest';
import { clusterOf } from '../../packages/server/test/support/nodes.ts';
import { storeWith } from '../../packages/server/test/support/store-with.ts';
import { countingBus, Gate } from '../support/adapters.ts';
import type { Viewer } from '../support/peer.ts';
import { expectUnbroken, expectWords, speech, wordsIn } from '../support/speech.ts';
import {
  handshakeOf,
  type Stage,
  type StageOptions,
  secret,
  startHub,
  unhurried,
} from '../support/start-hub.ts';

const done = { code: 1000, reason: 'done' };
const restart = { code: 1012, reason: 'restart' };
const soon = { timeout: 30_000, interval: 5 };
const ref = { tenant: 'acme', id: 'm' };

/** A store that keeps finals back until its gate is open. */
function slowStore() {
  const inner = memoryStore();
  const gate = new Gate();
  const store = storeWith(inner, {
    async append(...[meeting, entry, options]: Parameters<Store['append']>) {
      if (entry.type === 'transcript.final') await gate.pass();
      return await inner.append(meeting, entry, options);
    },
  });
  return { store, gate };
}

/** A hub that will close, and another one that stays. */
async function twoNodes(options: StageOptions = {}, registryOf = (registry: Registry) => registry) {
  const [one, two] = clusterOf(2);
  if (!one || !two) throw new Error('two nodes were asked for');
  const { store, gate } = slowStore();
  const shared = { store, limits: { ...unhurried, ...options.limits } };
  const leaving = await startHub({ ...options, ...one, registry: registryOf(one.registry), ...shared });
  const staying = await startHub({ ...two, registry: registryOf(two.registry), ...shared });
  return { leaving, staying, gate };
}

/** A sender whose last final waits at the gate, in a meeting that is watched. */
async function midway(stage: Stage, gate: Gate, seed: number) {
  const viewer = await stage.viewer();
  const said = speech(30, seed);
  const sender = await stage.sender({ session: 'one' });
  const cut = Math.round(((said.times[20]?.startMs ?? 0) + 100) * 16) * 2;
  await sender.say(said.pcm.subarray(0, cut));
  await vi.waitFor(() => expect(gate.arrived).toBeGreaterThan(0), soon);
  return { viewer, said, sender };
}

/** Whatever was sent before has come. */
async function roundTrips(stage: Stage): Promise<void> {
  for (let trip = 0; trip < 3; trip += 1) await stage.get('ping');
}

const isDraining = (stage: Stage) =>
  stage.observed.some((event) => event.type === 'ingest' && event.step === 'draining');

test('[LINK4, REST3] from its first moment on nobody is taken in: sockets 1013, HTTP and health 503', async () => {
  const { store, gate } = slowStore();
  const door = new Gate();
  const verify = jwtAuthenticator({ secret });
  const auth = async (token: string) => {
    const grant = await verify(token);
    if (grant.userId === 'late') await door.pass();
    return grant;
  };
  const stage = await startHub({ store, auth });
  const { sender, viewer } = await midway(stage, gate, 51);
  const late = await stage.stranger({ user: 'late' });
  await vi.waitFor(() => expect(door.arrived).toBe(1), soon);
  expect((await stage.get('health')).status).toBe(200);

  const closing = stage.hub.close();
  const answers = await Promise.all(
    ['health', 'health/detailed', 'meetings', 'ws/stats'].map((path) => stage.get(path)),
  );
  expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503]);
  expect(await (await stage.stranger()).closed).toEqual({ code: 1013, reason: 'try_again_later' });
  door.open(); // Its token was being looked at.
  expect(await late.closed).toEqual({ code: 1013, reason: 'try_again_later' });
  expect(viewer.closing).toBe(undefined);
  gate.open();
  expect(await sender.closed).toEqual(restart);
  expect(await viewer.closed).toEqual(restart);
  await closing;
});

test('[LINK4] where the bus reaches other nodes viewers go there at once, and hear the last words there', async () => {
  const { leaving, staying, gate } = await twoNodes();
  const { viewer, said, sender } = await midway(leaving, gate, 52);
  const closing = leaving.hub.close();
  expect(await viewer.closed).toEqual(restart);
  expect(sender.closing).toBe(undefined);
  const { epoch } = await viewer.until('connected');
  const back = await staying.viewer({ query: `since=${viewer.seqs.at(-1) ?? 0}&epoch=${epoch}` });
  expect((await back.until('connected')).recovered).toBe(true);
  gate.open();
  expect(await sender.closed).toEqual(restart);
  const next = await staying.sender({ session: 'one', resume: true });
  const { resume_from_ms: fromMs = Number.NaN } = await next.until('handshake_ack');
  await next.say(said.pcm.subarray(Math.round(fromMs * 16) * 2));
  expect(await next.finalize()).toEqual(done);
  await back.status('ended');
  await closing;
  await expectWords(staying, { mic: said.words });
  expect(wordsIn([...viewer.finals, ...back.finals], 'mic')).toEqual(said.words);
  expect([...viewer.seqs, ...back.seqs]).toEqual([...viewer.seqs, ...back.seqs].map((_, index) => index + 1));
});

test('[LINK4] a single node keeps its viewers until they have heard the last words', async () => {
  const { store, gate } = slowStore();
  const stage = await startHub({ store });
  const { viewer, said, sender } = await midway(stage, gate, 53);
  const closing = stage.hub.close();
  await vi.waitFor(() => expect(stage.simulator.streams[0]?.open).toBe(false), soon);
  gate.open();
  expect(await sender.closed).toEqual(restart);
  expect(await viewer.closed).toEqual(restart);
  await closing;
  expect(wordsIn(viewer.finals, 'mic')).toEqual(said.words.slice(0, 20));
  expectUnbroken(viewer);
});

test('[LINK4] viewers are asked one after the other, in no order that they came in', async () => {
  // Even of a machine that stalls meanwhile.
  const closeSpreadMs = 4_000;
  const stage = await startHub({ limits: { ...unhurried, closeSpreadMs } });
  const left: { viewer: Viewer; at: number }[] = [];
  const viewers = await Promise.all(Array.from({ length: 20 }, () => stage.viewer()));
  for (const viewer of viewers) {
    void viewer.until('error').then(() => left.push({ viewer, at: performance.now() }));
  }
  await stage.hub.close();
  await Promise.all(viewers.map(({ closed }) => closed));
  expect(left).toHaveLength(20);
  expect(left.map(({ viewer }) => viewers.indexOf(viewer))).not.toEqual(viewers.map((_, index) => index));
  expect((left.at(-1)?.at ?? 0) - (left[0]?.at ?? 0)).toBeGreaterThan(closeSpreadMs / 4);
});

test('[LINK4] followers over HTTP are asked in turn too', async () => {
  // Even of a machine that stalls meanwhile.
  const closeSpreadMs = 4_000;
  const stage = await startHub({ limits: { ...unhurried, closeSpreadMs } });
  const ends: number[] = [];
  const end = async (answer: Response) => {
    await answer.text();
    ends.push(performance.now());
  };
  const streams = await Promise.all(Array.from({ length: 10 }, () => stage.get('meetings/m/events')));
  const polls = Array.from({ length: 10 }, () => stage.get('meetings/n/events?wait_seconds=25'));
  const all = [...streams.map(end), ...polls.map(async (poll) => end(await poll))];
  await vi.waitFor(async () => {
    const page = await (await stage.get('metrics')).text();
    expect(page).toMatch(/^meetcast_connections\{kind="subscriber"\} 10$/m);
  }, soon);
  await stage.hub.close();
  await Promise.all(all);
  expect(ends).toHaveLength(20);
  expect((ends.at(-1) ?? 0) - (ends[0] ?? 0)).toBeGreaterThan(closeSpreadMs / 4);
});

test('[ING19] while a sender is heard out another one waits for its source, and has it before the first is told', async () => {
  const release = new Gate();
  const told: (boolean | undefined)[] = [];
  const { leaving, staying, gate } = await twoNodes({}, (registry) => ({
    ...registry,
    async claim(...args) {
      const claim = await registry.claim(...args);
      if (claim.kind === 'held') told.push(claim.draining);
      if (claim.kind === 'held') return claim;
      return { ...claim, release: (how) => release.pass().then(() => claim.release(how)) };
    },
  }));
  const { said, sender } = await midway(leaving, gate, 54);
  const closing = leaving.hub.close();
  const other = await staying.stranger();
  await vi.waitFor(() => expect(isDraining(leaving)).toBe(true), soon);
  other.send(handshakeOf({ session: 'two' }));
  await vi.waitFor(() => expect(told.length).toBeGreaterThan(0), soon);
  gate.open();
  await vi.waitFor(() => expect(release.arrived).toBe(1), soon);
  expect([sender.closing, other.closing]).toEqual([undefined, undefined]);
  expect(other.of('handshake_ack')).toEqual([]);
  release.open();
  expect(await sender.closed).toEqual(restart);
  expect(new Set(told)).toEqual(new Set([true]));
  const { resume_from_ms: fromMs } = await other.until('handshake_ack');
  expect(fromMs).toBeGreaterThan(said.times[19]?.startMs ?? 0);
  await closing;
});

test('[SUB11] a viewer’s seat is free before it is asked to leave', async () => {
  const release = new Gate();
  const { leaving, staying } = await twoNodes({ limits: { subscribersPerMeeting: 1 } }, (registry) => ({
    ...registry,
    async seat(...args) {
      const seat = await registry.seat(...args);
      if (seat.kind === 'full') return seat;
      return { ...seat, release: () => release.pass().then(() => seat.release()) };
    },
  }));
  const viewer = await leaving.viewer();
  const closing = leaving.hub.close();
  await vi.waitFor(() => expect(release.arrived).toBe(1), soon);
  await roundTrips(leaving);
  expect(viewer.of('error')).toEqual([]);
  release.open();
  const { code } = await viewer.until('error');
  expect(code).toBe('restart');
  await staying.viewer(); // Before the first socket is closed.
  await closing;
});

test('[ING15] a sender that has finalized is heard out, and told that all is stored', async () => {
  const { leaving, gate } = await twoNodes();
  const { said, sender } = await midway(leaving, gate, 55);
  const closed = sender.finalize();
  await vi.waitFor(() => expect(leaving.simulator.streams[0]?.open).toBe(false), soon);
  const closing = leaving.hub.close();
  gate.open();
  expect(await closed).toEqual(done);
  await closing;
  expect(said.words).toContain(wordsIn(sender.of('transcript.final'), 'mic').at(-1));
});

test('[LINK4] at the deadline every claim is free, whoever did not answer, and nothing goes on', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const [node] = clusterOf(1);
  const limits = { ...unhurried, closeDeadlineMs: 300, closeSpreadMs: 50, drainSilenceMs: 600_000 };
  const stage = await startHub({ ...node, limits });
  const counts = async () => (await node?.registry.counts(ref))?.ingests;
  const sender = await stage.sender({ session: 'one' });
  const finalizing = await stage.sender({ source: 'system' });
  stage.simulator.fault({ kind: 'silence' });
  for (const each of [sender, finalizing]) await each.say(speech(8, 56).pcm);
  finalizing.send({ type: 'finalize' });
  await vi.waitFor(() => expect(isDraining(stage)).toBe(true), soon);
  await stage.viewer();
  expect((await counts())?.length).toBe(2);
  const closing = stage.hub.close();
  for (const each of [sender, finalizing]) {
    const { code } = await each.until('error');
    expect(code).toBe('restart');
  }
  expect(await counts()).toEqual([]);
  expect(await sender.closed).toEqual(restart);
  await closing;
  const steps = stage.observed.flatMap((event) => (event.type === 'ingest' ? [event.step] : []));
  expect(steps.filter((step) => step === 'cleanup_complete')).toHaveLength(2);
  await stage.simulator.clear();
  await stage.close();
  await vi.waitFor(() => expect(timers()).toBeLessThanOrEqual(before), soon);
});

test('[ING19] at the deadline, too, the claim is free before the sender is told', async () => {
  const release = new Gate();
  const limits = { ...unhurried, closeDeadlineMs: 100 };
  const { leaving, gate } = await twoNodes({ limits }, (registry) => ({
    ...registry,
    async claim(...args) {
      const claim = await registry.claim(...args);
      if (claim.kind === 'held') return claim;
      return { ...claim, release: (how) => release.pass().then(() => claim.release(how)) };
    },
  }));
  const { sender } = await midway(leaving, gate, 57);
  const closing = leaving.hub.close();
  await vi.waitFor(() => expect(release.arrived).toBe(1), soon);
  await roundTrips(leaving);
  expect(sender.of('error')).toEqual([]);
  release.open();
  expect(await sender.closed).toEqual(restart);
  await closing;
  gate.open();
});

test('[LINK4] followers over HTTP are told too; closing twice is closing once', async () => {
  const bus = countingBus();
  const stage = await startHub({ bus });
  const stream = await stage.get('meetings/m/events');
  const text = stream.text();
  const viewer = await stage.viewer();
  const poll = stage.get('meetings/n/events?wait_seconds=25');
  // Those of m, and who waits in n.
  await vi.waitFor(() => expect(bus.subscriptions).toBe(2), soon);
  const closing = stage.hub.close();
  expect(stage.hub.close()).toBe(closing);
  await closing;
  expect(await text).toContain('"code":"going_away"');
  expect((await poll).status).toBe(200);
  expect(viewer.of('error')).toHaveLength(1);
});
