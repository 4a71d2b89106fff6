import { once } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import { memoryRegistry } from '../../src/registry/memory.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { envelopeOf, statusMessage } from '../support/entries.ts';
import { gatedStore } from '../support/gated-store.ts';
import { startHub, type TestHub, tokenFor, upTo, Viewer } from '../support/hub.ts';
import { storeWith } from '../support/store-with.ts';
import { unreliableBus } from '../support/unreliable-bus.ts';

let running: TestHub[] = [];

afterEach(async () => {
  vi.useRealTimers();
  for (const hub of running) await hub.close();
  running = [];
});

async function run(options: Parameters<typeof startHub>[0] = {}): Promise<TestHub> {
  const hub = await startHub(options);
  running.push(hub);
  return hub;
}

/** A node for viewers, and another one, where everything is said, so that the bus is between them. */
async function runTwo(
  options: Parameters<typeof startHub>[0],
): Promise<{ hub: TestHub; elsewhere: TestHub }> {
  const shared = { store: memoryStore(), registry: memoryRegistry(), ...options };
  return { hub: await run(shared), elsewhere: await run(shared) };
}

const segment = (text: string, more = {}) => ({
  text,
  startMs: 0,
  endMs: 900,
  source: 'mic' as const,
  ...more,
});

async function say(hub: TestHub, count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) await hub.meeting().final(segment(`final ${number}`));
}

test('[SUB1] the first message is connected, and its seq is the log’s head', async () => {
  const hub = await run({ limits: { heartbeatMs: 12_345 } });
  await say(hub, 3);
  const viewer = await hub.view();
  expect(await viewer.connected()).toMatchObject({
    meeting_id: 'm',
    seq: 3,
    recovered: null,
    heartbeat_ms: 12_345,
  });
});

test('[SUB1] connected comes first even for a token that is about to expire', async () => {
  const hub = await run();
  const viewer = await hub.view('', { lastsSeconds: 30 });
  await viewer.connected();
  await expect.poll(() => viewer.of('status')).toMatchObject([{ status: 'token_expiring' }]);
});

test('[SUB5] a first join is given all, none, or the newest entries', async () => {
  const hub = await run({ limits: { historyEntries: 8, pageEntries: 3 } });
  await say(hub, 10);
  for (const [query, first] of [
    ['', 3],
    ['history=all', 3],
    ['history=9', 3],
    ['history=4', 7],
    ['history=0', 11],
    ['history=none', 11],
  ] as const) {
    const viewer = await hub.view(query);
    expect(await viewer.connected()).toMatchObject({ seq: 10, recovered: null });
    await expect.poll(() => viewer.seqs).toEqual(upTo(10, first));
    viewer.socket.close();
  }
});

test('[SUB4] after the missed entries comes what happens, in one order for all kinds', async () => {
  const hub = await run();
  await hub.meeting().status('live', 'audio has begun');
  const viewer = await hub.view();
  await viewer.connected();
  await hub.meeting().tip('ask why');
  await hub.meeting().final(segment('so'));
  await hub.meeting().summary('it was said', ['do it']);
  await expect.poll(() => viewer.seqs).toEqual([1, 2, 3, 4]);
  expect(viewer.types).toEqual(['connected', 'status', 'ai.tip', 'transcript.final', 'summary']);
});

test('[SUB3] since and epoch resume after that entry; without epoch the current one is meant', async () => {
  const hub = await run();
  await say(hub, 5);
  const { epoch } = await (await hub.view('history=none')).connected();
  for (const query of [`since=2&epoch=${epoch}`, 'since=2']) {
    const viewer = await hub.view(query);
    expect((await viewer.connected()).recovered).toBe(true);
    await expect.poll(() => viewer.seqs).toEqual([3, 4, 5]);
  }
  const atHead = await hub.view(`since=5&epoch=${epoch}`);
  expect((await atHead.connected()).recovered).toBe(true);
  await hub.meeting().status('idle', 'quiet');
  await expect.poll(() => atHead.seqs).toEqual([6]);
});

test('[SUB6] what cannot be recovered is said, and nothing before the head is sent', async () => {
  const hub = await run();
  await say(hub, 5);
  const { epoch } = await (await hub.view('history=none')).connected();
  const viewers = await Promise.all(
    [`since=2&epoch=another`, `since=6&epoch=${epoch}`, 'since=999999999'].map((query) => hub.view(query)),
  );
  for (const viewer of viewers) expect(await viewer.connected()).toMatchObject({ recovered: false, seq: 5 });
  await hub.meeting().status('idle', 'quiet');
  for (const viewer of viewers) await expect.poll(() => viewer.seqs).toEqual([6]);
});

test('[SUB3] a place that is none is refused with 4007 and names the field', async () => {
  const hub = await run();
  for (const query of [
    'since=-1',
    'since=x',
    'since=',
    'since=1.5',
    'since=9999999999999999',
    'history=some',
    'history=-1',
  ]) {
    const viewer = await hub.view(query);
    expect(await viewer.closed).toEqual({ code: 4007, reason: 'bad_message' });
    expect(viewer.of('error')[0]?.message).toContain(`"${query.split('=')[0]}"`);
  }
});

test('[SUB4] viewers that join while entries are published miss none and see none twice', async () => {
  const hub = await run({ limits: { pageEntries: 7, subscribersPerMeeting: 50 } });
  await say(hub, 20);
  const viewers: Viewer[] = [];
  for (let number = 0; number < 30; number += 1) {
    const joining = hub.view(number % 2 ? `since=${number}` : '');
    await Promise.all([say(hub, 3), hub.meeting().partial(segment('so')), say(hub, 2)]);
    viewers.push(await joining);
  }
  await Promise.all(viewers.map((viewer) => viewer.connected()));
  await Promise.all(Array.from({ length: 10 }, () => say(hub, 3)));
  for (const [number, viewer] of viewers.entries()) {
    await expect.poll(() => viewer.seqs.at(-1)).toBe(200);
    expect(viewer.seqs).toEqual(upTo(200, number % 2 ? number + 1 : 1));
  }
});

test('[SUB4] an entry announced while the last page is on its way is not missed', async () => {
  const store = gatedStore();
  const hub = await run({ store, limits: { headCheckMs: 600_000 } });
  await say(hub, 2);
  store.hold();
  const viewer = await hub.view();
  await viewer.connected();
  await expect.poll(() => store.reads).toBe(1);
  await say(hub, 1);
  await new Promise((resolve) => setImmediate(resolve));
  store.open();
  await expect.poll(() => viewer.seqs).toEqual([1, 2, 3]);
});

test('[SUB4] an entry announced during a read that finds nothing is not missed', async () => {
  const store = gatedStore();
  const hub = await run({ store, limits: { headCheckMs: 600_000 } });
  await say(hub, 2);
  store.hold();
  const viewers = [await hub.view('since=2'), await hub.view('since=2')];
  await viewers[0]?.connected();
  await viewers[1]?.connected();
  await expect.poll(() => store.reads).toBeGreaterThan(0);
  await say(hub, 1);
  const late = await hub.view('since=2');
  await late.connected();
  await new Promise((resolve) => setImmediate(resolve));
  store.open();
  for (const viewer of [...viewers, late]) await expect.poll(() => viewer.seqs).toEqual([3]);
});

test('[SUB4] the current partial of each source follows the missed entries', async () => {
  const hub = await run();
  await say(hub, 2);
  await (await hub.view()).connected();
  await hub.meeting().partial(segment('so far'));
  await hub.meeting().partial(segment('over there', { source: 'system' }));
  const viewer = await hub.view();
  await expect.poll(() => viewer.of('transcript.partial').length).toBe(2);
  expect(viewer.types).toEqual([
    'connected',
    'transcript.final',
    'transcript.final',
    'transcript.partial',
    'transcript.partial',
  ]);
});

test('[LOG5] no partial comes after its own final, though a viewer joins between the two', async () => {
  const store = gatedStore();
  const hub = await run({ store });
  const other = await hub.view();
  await other.connected();
  store.hold();
  const viewer = await hub.view();
  await viewer.connected();
  const segmentNo = await hub.meeting().partial(segment('so'));
  await hub.meeting().final(segment('so it is', { segmentNo }));
  store.open();
  await expect.poll(() => viewer.seqs).toEqual([1]);
  await hub.meeting().status('idle', 'quiet');
  await expect.poll(() => viewer.seqs).toEqual([1, 2]);
  const after = viewer.types.slice(viewer.types.indexOf('transcript.final'));
  expect(after).toEqual(['transcript.final', 'status']);
});

test('[LOG5] a final whose announcement was lost is not followed by its own old partial', async () => {
  const bus = unreliableBus();
  const { hub, elsewhere } = await runTwo({ bus, limits: { headCheckMs: 20 } });
  const viewer = await hub.view();
  await viewer.connected();
  const segmentNo = await elsewhere.meeting().partial(segment('so'));
  await expect.poll(() => viewer.of('transcript.partial').length).toBe(1);
  bus.suffer({ lose: 1 });
  await elsewhere.meeting().final(segment('so it is', { segmentNo }));
  bus.suffer({});
  await expect.poll(() => viewer.seqs).toEqual([1]);
  const late = await hub.view();
  await expect.poll(() => late.seqs).toEqual([1]);
  await elsewhere.meeting().status('idle', 'quiet');
  await expect
    .poll(() => [viewer.seqs, late.seqs])
    .toEqual([
      [1, 2],
      [1, 2],
    ]);
  expect(viewer.types).toEqual(['connected', 'transcript.partial', 'transcript.final', 'status']);
  expect(late.types).toEqual(['connected', 'transcript.final', 'status']);
});

test.each([1, 2, 3, 4])(
  '[REDIS2] over a bus that loses, repeats and reorders every entry comes once and in order (seed %i)',
  async (seed) => {
    const bus = unreliableBus({ seed, lose: 0.2, repeat: 0.2, reorder: 0.3 });
    const { hub, elsewhere } = await runTwo({ bus, limits: { headCheckMs: 30, pageEntries: 5 } });
    const viewers = [await hub.view(), await hub.view()];
    for (const viewer of viewers) await viewer.connected();
    for (let round = 0; round < 12; round += 1) {
      await Promise.all([
        say(elsewhere, 5),
        elsewhere.meeting().partial(segment(`round ${round}`)),
        elsewhere.meeting().tip('ask'),
      ]);
      await new Promise((resolve) => setImmediate(resolve));
      if (round % 4 === 0) viewers.push(await hub.view());
    }
    await bus.heal();
    expect(bus.lost).toBeGreaterThan(0);
    for (const viewer of viewers) {
      await expect.poll(() => viewer.seqs.length).toBe(72);
      expect(viewer.seqs).toEqual(upTo(72));
    }
  },
);

test('[LOG7] the last announcement before a silence may be lost: a look at the head finds the entry', async () => {
  const bus = unreliableBus();
  const { hub, elsewhere } = await runTwo({ bus, limits: { headCheckMs: 20 } });
  const viewers = [await hub.view(), await hub.view()];
  for (const viewer of viewers) await viewer.connected();
  bus.suffer({ lose: 1 });
  await say(elsewhere, 3);
  for (const viewer of viewers) await expect.poll(() => viewer.seqs).toEqual([1, 2, 3]);
});

test('an announcement beyond the log does not make its viewers spin', async () => {
  const store = gatedStore();
  const bus = unreliableBus();
  const hub = await run({ store, bus, limits: { headCheckMs: 600_000 } });
  const viewer = await hub.view();
  const { epoch } = await viewer.connected();
  await say(hub, 1);
  await expect.poll(() => viewer.seqs).toEqual([1]);
  const before = store.reads;
  await bus.publish({ tenant: 'acme', id: 'm' }, envelopeOf(statusMessage(50, epoch)));
  await expect.poll(() => store.reads).toBeGreaterThan(before);
  for (let round = 0; round < 50; round += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(store.reads - before).toBeLessThanOrEqual(2);
  await say(hub, 2);
  await expect.poll(() => viewer.seqs).toEqual([1, 2, 3]);
});

test('[LOG9] viewers of a meeting that gets a new log are sent away with 1012', async () => {
  const bus = unreliableBus();
  const hub = await run({ bus });
  const viewer = await hub.view();
  await viewer.connected();
  await bus.publish({ tenant: 'acme', id: 'm' }, envelopeOf(statusMessage(1, 'another-epoch')));
  expect((await viewer.closed).code).toBe(1012);
  expect(viewer.of('error')).toMatchObject([{ code: 'restart', retryable: true }]);
});

test('[LOG9] nor is one who is still catching up told entries of two logs as one', async () => {
  const store = memoryStore();
  const read = store.read.bind(store);
  store.read = async (meeting, after, limit) => {
    const page = await read(meeting, after, limit);
    return after > 0 ? { ...page, epoch: 'another-epoch' } : page;
  };
  const hub = await run({ store, limits: { pageEntries: 2 } });
  await say(hub, 6);
  const viewer = await hub.view();
  expect((await viewer.closed).code).toBe(1012);
  expect(viewer.seqs).toEqual([1, 2]);
});

test('[AUTH5] nothing crosses from one tenant to another', async () => {
  const hub = await run();
  await say(hub, 2);
  const stranger = await hub.view('', { tenant_id: 'globex' });
  expect(await stranger.connected()).toMatchObject({ seq: 0 });
  await say(hub, 1);
  await hub.meeting('m', 'globex').status('live', 'theirs');
  await expect.poll(() => stranger.seqs).toEqual([1]);
  expect(stranger.of('status')).toMatchObject([{ message: 'theirs' }]);
});

test('[SUB11] the twenty-first viewer is closed with 4003; a seat given back is free again', async () => {
  const hub = await run();
  const viewers = await Promise.all(Array.from({ length: 20 }, () => hub.view()));
  for (const viewer of viewers) await viewer.connected();
  const late = await hub.view();
  expect(await late.closed).toEqual({ code: 4003, reason: 'connection_limit' });
  expect(late.types).toEqual(['error']);
  expect(late.of('error')).toMatchObject([{ code: 'connection_limit', retryable: true }]);
  await (await hub.view('', {}, 'another-meeting')).connected();
  viewers[0]?.socket.terminate();
  await expect
    .poll(async () => (await (await hub.get('/api/v1/ws/meetings/m/stats')).json()).subscribers)
    .toBe(19);
  await (await hub.view()).connected();
});

test('[WIRE5] a bare ping is answered with a bare pong, a JSON one with a JSON one', async () => {
  const hub = await run();
  const viewer = await hub.view();
  await viewer.connected();
  viewer.send('ping');
  viewer.send({ type: 'ping' });
  await expect.poll(() => viewer.messages.slice(1)).toEqual(['pong', { type: 'pong' }]);
});

test('[SUB9] anything else from a viewer, and any binary frame, closes with 4007', async () => {
  const hub = await run();
  const wrong = [
    'hello',
    '{"type":"transcript.final"}',
    '{"type":"handshake","source":"mic"}',
    '{"type":"auth"}',
    '[]',
    'null',
    '{',
    Buffer.from([1, 2, 3, 4]),
    Buffer.from('ping'),
  ];
  for (const frame of wrong) {
    const viewer = await hub.view();
    await viewer.connected();
    viewer.socket.send(frame);
    expect((await viewer.closed).code).toBe(4007);
    expect(viewer.of('error')).toMatchObject([{ code: 'bad_message', retryable: false }]);
  }
});

test('[SUB10] a viewer that sends too many messages is closed with 1008', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const hub = await run();
  const viewer = await hub.view();
  await viewer.connected();
  for (let number = 0; number < 25; number += 1) viewer.send('ping');
  expect(await viewer.closed).toEqual({ code: 1008, reason: 'policy' });
  expect(viewer.messages.filter((message) => message === 'pong')).toHaveLength(20);
});

test('[AUTH7] a fresh token in band is answered; somebody else’s closes with 4001, a lesser one with 4004', async () => {
  const hub = await run({
    auth: async (token) => {
      const [userId = '', tenant = '', role = ''] = token.split(' ');
      const may = new Set(role === 'none' ? [] : ['subscribe' as const]);
      return { userId, tenant, email: 'x', role, expiresAt: 4_000_000_000_000, may };
    },
  });
  const socketFor = () => new Viewer(`ws://127.0.0.1:${hub.port}/api/v1/ws/meetings/m?token=u1+acme+viewer`);
  const renewing = socketFor();
  await renewing.connected();
  renewing.send({ type: 'auth', token: 'u1 acme viewer' });
  await expect.poll(() => renewing.of('auth_ok')).toMatchObject([{ expires_at: '2096-10-02T07:06:40.000Z' }]);
  for (const [token, code] of [
    ['u2 acme viewer', 4001],
    ['u1 globex viewer', 4001],
    ['u1 acme none', 4004],
  ] as const) {
    const viewer = socketFor();
    await viewer.connected();
    viewer.send({ type: 'auth', token });
    expect((await viewer.closed).code).toBe(code);
  }
  renewing.socket.close();
});

test('[AUTH7] a fresh token sent before connected has come is answered as well', async () => {
  const store = memoryStore();
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const head: typeof store.head = async (meeting) => {
    await gate;
    return store.head(meeting);
  };
  const hub = await run({ store: storeWith(store, { head }) });
  const viewer = await hub.view();
  await once(viewer.socket, 'open');
  viewer.send('ping');
  viewer.send({ type: 'auth', token: await tokenFor() });
  await expect.poll(() => viewer.messages.length).toBeGreaterThan(0);
  release();
  await expect.poll(() => viewer.types).toContain('auth_ok');
  await expect.poll(() => viewer.types).toContain('connected');
});

test('[AUTH8] at its expiry a token’s socket is closed with 4005', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
  const hub = await run();
  const viewer = await hub.view('', { lastsSeconds: 90 });
  await viewer.connected();
  await vi.advanceTimersByTimeAsync(80_000);
  await (await hub.view()).connected(); // Whatever was sent before has come.
  expect(viewer.types).toEqual(['connected', 'status']);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await viewer.closed).toEqual({ code: 4005, reason: 'token_expired' });
  expect(viewer.types.at(-1)).toBe('error');
});

test('[AUTH9] a role that may not subscribe is closed with 4004', async () => {
  const hub = await run({
    auth: async () => ({
      userId: 'u',
      tenant: 'acme',
      email: 'x',
      role: 'lurker',
      expiresAt: Date.now() + 60_000,
      may: new Set(['manage' as const]),
    }),
  });
  const viewer = await hub.view();
  expect(await viewer.closed).toEqual({ code: 4004, reason: 'forbidden' });
});

test('[CLOSE2] a viewer whose meeting cannot be read is told so and may come back', async () => {
  const store = memoryStore();
  const hub = await run({
    store: storeWith(store, { head: () => Promise.reject(new Error('password=hunter2')) }),
    limits: { joinPatienceMs: 200 },
  });
  const viewer = await hub.view();
  expect(await viewer.closed).toEqual({ code: 1011, reason: 'internal_error' });
  expect(JSON.stringify(viewer.messages)).not.toContain('hunter2');
  expect(hub.observed).toContainEqual(expect.objectContaining({ type: 'error', stage: 'subscriber' }));
});

test('a viewer refused by the bus leaves nothing behind: the next one hears the meeting', async () => {
  const bus = unreliableBus();
  const { subscribe } = bus;
  let refusals = 1;
  bus.subscribe = async (...args) => {
    if (refusals-- > 0) throw new Error('the bus is down');
    return subscribe(...args);
  };
  const hub = await run({ bus, limits: { subscribersPerMeeting: 1 } });
  expect((await (await hub.view()).closed).code).toBe(1011);
  const viewer = await hub.view();
  await viewer.connected();
  await say(hub, 1);
  await expect.poll(() => viewer.seqs).toEqual([1]);
});

test('viewers that leave at any moment give everything back', async () => {
  const bus = unreliableBus();
  const { subscribe } = bus;
  let subscriptions = 0;
  bus.subscribe = async (...args) => {
    const stop = await subscribe(...args);
    subscriptions += 1;
    return async () => {
      subscriptions -= 1;
      await stop();
    };
  };
  const hub = await run({ bus, limits: { subscribersPerMeeting: 500 } });
  await say(hub, 20);
  const viewers = await Promise.all(Array.from({ length: 60 }, () => hub.view()));
  for (const [number, { socket }] of viewers.entries()) {
    const leave = () => (number % 3 === 1 ? socket.terminate() : setImmediate(() => socket.terminate()));
    if (number % 3 === 0) socket.terminate();
    else if (socket.readyState === socket.OPEN) leave();
    else socket.once('open', leave);
  }
  await Promise.all(viewers.map(({ closed }) => closed));
  await expect
    .poll(async () => (await hub.get('/api/v1/ws/stats')).json())
    .toEqual({ meetings: 0, subscribers: 0, ingests: 0 });
  await expect.poll(() => subscriptions).toBe(0);
});

const large = 'x'.repeat(40_000);

/** Resolves once a viewer has been told so much. */
async function until(viewer: Viewer, isTold: () => boolean): Promise<void> {
  while (!isTold()) await once(viewer.socket, 'message');
}

/** Stops reading, and lets the network fill up until the hub holds bytes back. */
async function fillUp(hub: TestHub, viewer: Viewer): Promise<void> {
  viewer.socket.pause();
  for (let round = 0; round < 400; round += 1) await hub.meeting().partial(segment(large, { segmentNo: 1 }));
  await new Promise((resolve) => setImmediate(resolve));
}

test('[SUB8] a viewer that stops reading gets only the newest partials, and every final', async () => {
  const hub = await run({ limits: { hardUnsentBytes: 64 * 1024 * 1024 } });
  const [slow, fast] = [await hub.view(), await hub.view()];
  await Promise.all([slow.connected(), fast.connected()]);
  await fillUp(hub, slow);
  for (let number = 2; number <= 200; number += 1) {
    await hub.meeting().partial(segment(`so far ${number} ${large}`, { segmentNo: number }));
    await until(fast, () => fast.of('transcript.partial').at(-1)?.segment_no === number);
    if (number % 10 === 0) await hub.meeting().final(segment(`final ${number}`, { segmentNo: number }));
  }
  await hub.meeting().partial(segment('mic now', { segmentNo: 301 }));
  await hub.meeting().partial(segment('system now', { segmentNo: 302, source: 'system' }));
  await expect.poll(() => fast.of('transcript.partial').at(-1)?.text).toBe('system now');
  slow.socket.resume();
  await expect.poll(() => slow.of('transcript.partial').map(({ text }) => text)).toContain('system now');
  await expect.poll(() => slow.of('transcript.partial').map(({ text }) => text)).toContain('mic now');
  expect(slow.seqs).toEqual(upTo(20));
  expect(fast.seqs).toEqual(upTo(20));
  expect(slow.of('transcript.partial').length).toBeLessThan(fast.of('transcript.partial').length / 1.2);
  expect(slow.closeCode).toBeUndefined();
});

test('[SUB8] past the hard bound the socket closes with 4008, and a fast viewer notices nothing', async () => {
  const hub = await run({ limits: { softUnsentBytes: 64 * 1024, hardUnsentBytes: 256 * 1024 } });
  const [slow, fast] = [await hub.view(), await hub.view()];
  await Promise.all([slow.connected(), fast.connected()]);
  slow.socket.pause();
  const closes = () => hub.observed.flatMap((event) => (event.type === 'closed' ? [event.word] : []));
  let said = 0;
  while (closes().length === 0 && said < 2_000) {
    said += 1;
    await hub.meeting().final(segment(`${said} ${large}`));
    await until(fast, () => fast.seqs.at(-1) === said);
  }
  expect(closes()).toEqual(['slow_consumer']);
  slow.socket.resume();
  expect(await slow.closed).toEqual({ code: 4008, reason: 'slow_consumer' });
  expect(slow.seqs).toEqual(upTo(slow.seqs.length));
  await expect.poll(() => fast.seqs.length).toBe(said);
  expect(fast.seqs).toEqual(upTo(said));
  const back = await hub.view(`since=${slow.seqs.length}`);
  await expect.poll(() => back.seqs.at(-1)).toBe(said);
  expect(back.seqs).toEqual(upTo(said, slow.seqs.length + 1));
});

test('[LINK1] a viewer whose link is silent for two heartbeats is let go', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const heartbeatMs = 1_000;
  const hub = await run({ limits: { heartbeatMs } });
  const [viewer, alive] = [await hub.view(), await hub.view()];
  await Promise.all([viewer.connected(), alive.connected()]);
  viewer.socket.pause();
  const watching = async () =>
    (await (await hub.get('/api/v1/ws/meetings/m/stats')).json()).subscribers as number;
  for (let beat = 0; beat < 3; beat += 1) {
    expect(await watching()).toBe(2);
    const pinged = once(alive.socket, 'ping');
    vi.advanceTimersByTime(heartbeatMs);
    await pinged;
  }
  // A poll would let the fake time pass.
  let left = 2;
  while (left === 2) left = await watching();
  expect(left).toBe(1);
  expect(alive.closeCode).toBeUndefined();
});

test('[LINK1] pings of many viewers are spread over the heartbeat', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const heartbeatMs = 500;
  const hub = await run({ limits: { heartbeatMs } });
  const viewers = await Promise.all(Array.from({ length: 20 }, () => hub.view()));
  await Promise.all(viewers.map((viewer) => viewer.connected()));
  const times: number[] = [];
  let passedMs = 0;
  for (const { socket } of viewers) socket.once('ping', () => times.push(passedMs));
  while (passedMs < heartbeatMs) {
    passedMs += 25;
    vi.advanceTimersByTime(25);
    await hub.get('/api/v1/ping'); // Long enough for a ping to come.
  }
  await expect.poll(() => times.length).toBe(viewers.length);
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(heartbeatMs / 2);
});

test('[LINK4] a hub that closes sends its viewers away with 1012, and newcomers with 1013', async () => {
  const hub = await run();
  const viewer = await hub.view();
  await viewer.connected();
  viewer.socket.pause(); // So that the hub has to wait for it.
  const closing = hub.hub.close();
  expect((await (await hub.view()).closed).code).toBe(1013);
  viewer.socket.resume();
  expect((await viewer.closed).code).toBe(1012);
  await closing;
});
