/** A viewer against a scripted hub: order, resume and reload. */
import {
  type SubscribeOptions,
  type Subscription,
  type SubscriptionEvent,
  subscribe,
} from '@meetcast/client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectionOf, final, heard, partial, type ScriptedHub, scriptedHub, status } from './support/hub.ts';

let hub: ScriptedHub;
let open: Subscription[];

beforeEach(async () => {
  hub = await scriptedHub();
  open = [];
});
afterEach(async () => {
  for (const subscription of open) subscription.close();
  await hub.close();
});

function watch(options: Partial<SubscribeOptions> = {}) {
  const subscription = subscribe({
    url: hub.url,
    meeting: 'm',
    token: 't1',
    backoff: { minMs: 10, maxMs: 20 },
    ...options,
  });
  open.push(subscription);
  const finals = heard<{ seq: number }>((listener) => subscription.on('final', listener));
  return { subscription, finals, seqs: () => finals.map((one) => one.seq) };
}

test('[SUB1] a first join asks for history and delivers it, then live, in order', async () => {
  const { subscription, seqs } = watch();
  expect(subscription.connection).toBe('connecting');
  const peer = await hub.peer();
  expect(peer.path).toBe('/api/v1/ws/meetings/m');
  expect(peer.query.toString()).toBe('history=all');
  expect(peer.token).toBe('t1');
  peer.connected({ seq: 3 });
  peer.send(final(2), final(3), partial(4, 'so'), final(4));
  await expect.poll(seqs).toEqual([2, 3, 4]);
  expect(subscription.connection).toBe('connected');
  expect(subscription.position).toEqual({ epoch: 'e1', seq: 4 });
  expect(subscription.transcript.finals.map((one) => one.text)).toEqual(['final 2', 'final 3', 'final 4']);
  expect(subscription.transcript.partials).toEqual([]);
});

test('[SUB2] history none starts at the head', async () => {
  const { subscription, seqs } = watch({ history: 'none' });
  const peer = await hub.peer();
  peer.connected({ seq: 7 });
  peer.send(final(7), final(8));
  await expect.poll(seqs).toEqual([8]);
  expect(subscription.position).toEqual({ epoch: 'e1', seq: 8 });
});

test('[SUB3] a lost link resumes after the last entry: no gap, no repeat', async () => {
  const { seqs } = watch();
  const first = await hub.peer();
  first.connected();
  first.send(final(1), final(2));
  await expect.poll(seqs).toEqual([1, 2]);
  first.socket.terminate();
  const second = await hub.peer();
  expect(second.query.toString()).toBe('since=2&epoch=e1');
  second.connected({ seq: 4, recovered: true });
  second.send(final(2), final(3), final(3), final(4));
  await expect.poll(seqs).toEqual([1, 2, 3, 4]);
});

test('[SUB4] a hole is not delivered: the log is asked again', async () => {
  const { seqs } = watch();
  const first = await hub.peer();
  first.connected();
  first.send(final(1), final(3), final(4));
  const second = await hub.peer();
  expect(second.query.get('since')).toBe('1');
  second.connected({ seq: 4, recovered: true });
  second.send(final(2), final(3), final(4));
  await expect.poll(seqs).toEqual([1, 2, 3, 4]);
});

test('[SUB5] a join that lost its link before history came asks for history again', async () => {
  const { seqs } = watch({ history: 2 });
  const first = await hub.peer();
  first.connected({ seq: 9 });
  first.socket.terminate();
  const second = await hub.peer();
  expect(second.query.toString()).toBe('history=2');
  second.connected({ seq: 9 });
  second.send(final(8), final(9));
  await expect.poll(seqs).toEqual([8, 9]);
});

test('[SUB6] since and epoch resume a position of an earlier life', async () => {
  const { subscription, seqs } = watch({ since: 5, epoch: 'e1' });
  expect(subscription.position).toEqual({ epoch: 'e1', seq: 5 });
  const peer = await hub.peer();
  expect(peer.query.toString()).toBe('since=5&epoch=e1');
  peer.connected({ seq: 6, recovered: true });
  peer.send(final(6));
  await expect.poll(seqs).toEqual([6]);
});

test('[SUB7] frames of a newer hub are ignored, and an unknown entry still counts in the order', async () => {
  const { subscription, seqs } = watch();
  const errors = heard((listener) => subscription.on('error', listener));
  const peer = await hub.peer();
  peer.connected();
  peer.socket.send('not json');
  peer.socket.send(new Uint8Array([1, 2, 3]));
  peer.send({ type: 'hologram' }, final(1), { type: 'vote', seq: 2 }, final(3));
  await expect.poll(seqs).toEqual([1, 3]);
  expect(errors).toEqual([]);
  expect(hub.peers).toHaveLength(1);
});

test('[SUB8] a log that was restarted is loaded anew, page by page, before what arrives meanwhile', async () => {
  const asked: string[] = [];
  const pages = new Map([
    ['0', { segments: [final(1), final(2)], next: 2 }],
    ['2', { segments: [final(4), final(5)], next: null }],
  ]);
  hub.http = (request, response) => {
    const url = new URL(request.url ?? '', 'http://hub');
    asked.push(`${url.pathname} ${url.searchParams.get('format')} ${request.headers.authorization}`);
    const page = pages.get(url.searchParams.get('after') ?? '');
    hub.peers.at(-1)?.send(final(5), status('live', { seq: 6 }));
    response.end(JSON.stringify({ meeting_id: 'm', epoch: 'e2', seq: 5, ...page }));
  };
  const { subscription, finals, seqs } = watch();
  const resets = heard((listener) => subscription.on('reset', listener));
  const events = heard<SubscriptionEvent>((listener) => subscription.on('event', listener));
  const first = await hub.peer();
  first.connected();
  first.send(final(1), final(2), final(3));
  await expect.poll(seqs).toHaveLength(3);
  finals.length = 0;
  events.length = 0;
  first.socket.terminate();
  const second = await hub.peer();
  second.connected({ epoch: 'e2', seq: 4, recovered: false });
  second.send(final(5));
  await expect
    .poll(() => events.map((event) => ('seq' in event ? event.seq : undefined)))
    .toEqual([1, 2, 4, 5, 6]);
  expect(seqs()).toEqual([1, 2, 4, 5]);
  expect(resets).toEqual([{ epoch: 'e2', seq: 4 }]);
  expect(asked).toEqual(Array(2).fill('/api/v1/meetings/m/transcript json Bearer t1'));
  expect(subscription.transcript.finals.map((one) => one.seq)).toEqual([1, 2, 4, 5]);
  expect(subscription.position).toEqual({ epoch: 'e2', seq: 6 });
});

test('[SUB9] a reload that fails is tried again with the next connection', async () => {
  hub.http = (_request, response) => void response.writeHead(500).end();
  const { subscription, seqs } = watch({ since: 9, epoch: 'e0' });
  const first = await hub.peer();
  first.connected({ epoch: 'e2', seq: 1, recovered: false });
  const change = await connectionOf(subscription, 'reconnecting');
  expect(change).toMatchObject({ reason: expect.stringContaining('the hub answered 500') });
  const second = await hub.peer();
  expect(second.query.toString()).toBe('since=0&epoch=e2');
  second.connected({ epoch: 'e2', seq: 1, recovered: true });
  second.send(final(1));
  await expect.poll(seqs).toEqual([1]);
});

test('[SUB9] a reload ends at the head, whatever kind of entry stands there', async () => {
  hub.http = (_request, response) =>
    void response.end(
      JSON.stringify({ meeting_id: 'm', epoch: 'e2', seq: 3, segments: [final(1)], next: null }),
    );
  const { subscription, seqs } = watch({ since: 9, epoch: 'e1' });
  const peer = await hub.peer();
  peer.connected({ epoch: 'e2', seq: 3, recovered: false });
  await expect.poll(() => subscription.position).toEqual({ epoch: 'e2', seq: 3 });
  peer.send(final(4));
  await expect.poll(seqs).toEqual([1, 4]);
  expect(hub.peers).toHaveLength(1);
});

test('[SUB10] a loop yields every event and ends at close', async () => {
  const { subscription } = watch();
  const loop = (async () => {
    const seen: string[] = [];
    for await (const event of subscription) {
      seen.push(event.type);
      if (event.type === 'status') subscription.close();
    }
    return seen;
  })();
  const peer = await hub.peer();
  peer.connected();
  peer.send(partial(1, 'a'), final(1), status('ended', { seq: 2 }));
  expect(await loop).toEqual(['transcript.partial', 'transcript.final', 'status']);
  expect(await subscription.closed).toMatchObject({ status: 'closed', word: 'done' });
  for await (const _ of subscription) expect.unreachable();
});

test('[SUB11] a slow loop misses no entry, and of partials it gets the newest', async () => {
  const { subscription, seqs } = watch();
  const loop = subscription[Symbol.asyncIterator]();
  const peer = await hub.peer();
  peer.connected();
  peer.send(final(1), partial(2, 'a'), partial(2, 'a b'), final(2));
  await expect.poll(seqs).toEqual([1, 2]);
  const texts: unknown[] = [];
  for (let left = 3; left > 0; left--) {
    const { value } = await loop.next();
    texts.push(value && 'text' in value ? value.text : value);
  }
  expect(texts).toEqual(['final 1', 'a b', 'final 2']);
});

test('a listener that throws stops neither the link nor the other listeners', async () => {
  const thrown: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.push(error));
  const subscription = subscribe({ url: hub.url, meeting: 'm', token: 't' });
  open.push(subscription);
  subscription.on('final', () => {
    throw new Error('a bug');
  });
  const finals = heard((listener) => subscription.on('final', listener));
  const peer = await hub.peer();
  peer.connected();
  peer.send(final(1), final(2));
  await expect.poll(() => finals.length).toBe(2);
  await expect.poll(() => thrown.length).toBe(2);
  process.removeAllListeners('uncaughtException');
  for (const listener of listeners) process.on('uncaughtException', listener);
});

test('wrong options throw a TypeError at the call', () => {
  expect(() => watch({ history: -1 })).toThrow(/history must be .* got -1/);
  expect(() => watch({ since: 1.5 })).toThrow(TypeError);
  expect(() => watch({ epoch: 'e' })).toThrow(TypeError);
  expect(() => watch({ token: '' })).toThrow(/token must be/);
  expect(() => watch({ heartbeatMs: 0 })).toThrow(/heartbeatMs must be a positive number, got 0/);
  expect(() => watch({ maxAttempts: 0 })).toThrow(TypeError);
});

test('a misspelt option throws a TypeError that names the one that was meant', () => {
  const misspelt = (options: object) => () => watch(options);
  expect(misspelt({ heartbeat: 1 })).toThrow(
    new TypeError('subscribe: unknown option heartbeat; did you mean heartbeatMs?'),
  );
  expect(misspelt({ source: 'mic' })).toThrow(
    /^subscribe: unknown option source; there are url, basePath, .*history, fetch$/,
  );
  expect(misspelt({ backoff: { minms: 1 } })).toThrow(
    new TypeError('backoff: unknown option minms; did you mean minMs?'),
  );
});
