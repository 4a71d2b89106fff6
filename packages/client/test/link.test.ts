/** The link under a viewer: close codes, tokens, silence and giving up. */
import { type SubscribeOptions, type Subscription, subscribe } from '@meetcast/client';
import { closeCodes } from '@meetcast/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectionOf, final, heard, type ScriptedHub, scriptedHub, status } from './support/hub.ts';

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
    backoff: { minMs: 10, maxMs: 40 },
    ...options,
  });
  open.push(subscription);
  return subscription;
}

/** Tokens t1, t2, t3 … */
function freshTokens(): () => string {
  let made = 0;
  return () => `t${++made}`;
}

const policies = Object.entries(closeCodes).map(([word, { code, retry }]) => ({ word, code, retry }));

test.each(policies.filter(({ retry }) => retry === 'never'))(
  '[LINK1] after $code $word a client does not come back',
  async ({ word, code }) => {
    const subscription = watch();
    const peer = await hub.peer();
    peer.connected();
    peer.refuse(code, word);
    const info = await subscription.closed;
    expect(info).toEqual({
      status: word === 'done' ? 'closed' : 'failed',
      code,
      word,
      reason: `because of ${word}`,
    });
    expect(subscription.connection).toBe(info.status);
    expect(hub.peers).toHaveLength(1);
  },
);

test.each(policies.filter(({ retry }) => retry === 'backoff' || retry === 'later'))(
  '[LINK2] after $code $word a client comes back, with a wait ($retry)',
  async ({ word, code, retry }) => {
    const subscription = watch();
    const peer = await hub.peer();
    peer.connected();
    peer.refuse(code, word);
    const change = await connectionOf(subscription, 'reconnecting');
    expect(change).toMatchObject({ code, reason: `because of ${word}`, attempt: 1 });
    expect(change.retryInMs).toBeGreaterThanOrEqual(retry === 'later' ? 20 : 5);
    expect(change.retryInMs).toBeLessThanOrEqual(retry === 'later' ? 40 : 10);
    (await hub.peer()).connected();
    await connectionOf(subscription, 'connected');
  },
);

test.each(policies.filter(({ retry }) => retry.endsWith('token')))(
  '[LINK3] after $code $word a client comes back at once with another token, or not at all',
  async ({ word, code }) => {
    const fresh = watch({ token: freshTokens() });
    const refused = await hub.peer();
    expect(refused.token).toBe('t1');
    refused.refuse(code, word);
    expect(await connectionOf(fresh, 'reconnecting')).toMatchObject({ retryInMs: 0 });
    expect((await hub.peer()).token).toBe('t2');

    const fixed = watch({ token: 'only' });
    (await hub.peer()).refuse(code, word);
    expect(await fixed.closed).toMatchObject({ status: 'failed', code, word });
    expect(hub.peers).toHaveLength(3);
  },
);

test('[LINK4] a token function that answers with the refused token has no other: the link fails', async () => {
  const subscription = watch({ token: () => 'same' });
  (await hub.peer()).refuse(4001, 'auth_failed');
  expect(await subscription.closed).toMatchObject({ status: 'failed', word: 'auth_failed' });
  expect(hub.peers).toHaveLength(1);
});

test('every connection asks for a token, and a token that cannot be had is asked for again', async () => {
  const answers = [() => 't1', () => Promise.reject(new Error('offline')), () => Promise.resolve('t3')];
  const subscription = watch({ token: () => answers.shift()?.() ?? 'none' });
  const changes = heard((listener) => subscription.on('connection', listener));
  const first = await hub.peer();
  first.connected();
  first.socket.terminate();
  expect((await hub.peer()).token).toBe('t3');
  expect(changes).toContainEqual(
    expect.objectContaining({ reason: 'the token function failed: offline', attempt: 2 }),
  );
});

test('before its token expires, a client hands over another in band, and no event says so', async () => {
  const subscription = watch({ token: freshTokens() });
  const events = heard((listener) => subscription.on('event', listener));
  const peer = await hub.peer();
  peer.connected();
  peer.send(status('token_expiring'));
  expect(await peer.next('auth')).toEqual({ type: 'auth', token: 't2' });
  peer.send({ type: 'auth_ok', expires_at: '2030-01-01T00:00:00.000Z' }, final(1));
  await expect.poll(() => events.length).toBe(1);
  expect(events).toMatchObject([{ seq: 1 }]);
});

test('a token function without another token has nothing to hand over', async () => {
  watch({ token: () => 'same', heartbeatMs: 30 });
  const peer = await hub.peer();
  peer.connected();
  peer.send(status('token_expiring'));
  await peer.next('ping');
  expect(peer.texts).toEqual([{ type: 'ping' }]);
});

test('a silent hub is asked, and one that answers is kept', async () => {
  const subscription = watch({ heartbeatMs: 30 });
  const peer = await hub.peer();
  peer.connected();
  for (let round = 0; round < 3; round++) {
    await peer.next('ping');
    peer.send({ type: 'pong' });
  }
  expect(subscription.connection).toBe('connected');
  expect(hub.peers).toHaveLength(1);
});

test('a hub that stalls is left at once, without its consent', async () => {
  const subscription = watch({ heartbeatMs: 30 });
  const first = await hub.peer();
  first.connected();
  await connectionOf(subscription, 'connected');
  // It reads nothing from here on, not even a close.
  first.socket.pause();
  const change = await connectionOf(subscription, 'reconnecting');
  expect(change.reason).toBe('the hub stopped answering');
  (await hub.peer()).connected();
  await connectionOf(subscription, 'connected');
});

test('the silence that is trusted is what the hub says, unless the client says', async () => {
  watch();
  const peer = await hub.peer();
  peer.connected({ heartbeat_ms: 20 });
  await peer.next('ping');
});

test('a hub that accepts and never greets is left after connectTimeoutMs', async () => {
  const subscription = watch({ connectTimeoutMs: 40 });
  expect(await connectionOf(subscription, 'reconnecting')).toMatchObject({
    reason: 'the hub did not greet in time',
  });
});

test('after maxAttempts failures in a row the link fails and says why', async () => {
  const subscription = watch({ maxAttempts: 3 });
  const attempts = heard<{ attempt?: number }>((listener) => subscription.on('connection', listener));
  for (let left = 3; left > 0; left--) (await hub.peer()).socket.close(1011, 'out of order');
  expect(await subscription.closed).toMatchObject({
    status: 'failed',
    word: 'internal_error',
    reason: 'out of order',
  });
  expect(attempts.map((change) => change.attempt)).toEqual([1, 2, undefined]);
});

test('being greeted does not reset the attempts, a message beyond the greeting does', async () => {
  const subscription = watch();
  const lost = heard<{ attempt?: number; status: string }>((listener) =>
    subscription.on('connection', listener),
  );
  const attempts = () => lost.flatMap((change) => change.attempt ?? []);
  for (const chatty of [false, false, true, false]) {
    const peer = await hub.peer();
    peer.connected();
    if (chatty) peer.send({ type: 'pong' });
    peer.refuse(1011, 'internal_error');
  }
  await expect.poll(attempts).toEqual([1, 2, 1, 2]);
});

test('an address that refuses the upgrade is tried again, and the cause is told', async () => {
  const subscription = subscribe({ url: 'http://127.0.0.1:1', meeting: 'm', token: 't', maxAttempts: 1 });
  open.push(subscription);
  expect(await subscription.closed).toMatchObject({ status: 'failed', word: 'lost' });
  expect((await subscription.closed).reason).toContain('ECONNREFUSED');
});

test('a socket that can never be opened fails at once', async () => {
  const subscription = watch({ token: 'not a sub-protocol' });
  expect(await subscription.closed).toMatchObject({
    status: 'failed',
    reason: expect.stringContaining('the socket cannot be opened'),
  });
});

test('close ends a link in any state, once, and no timer is left', async () => {
  const waiting = watch({ backoff: { minMs: 60_000, maxMs: 60_000 } });
  (await hub.peer()).socket.terminate();
  await connectionOf(waiting, 'reconnecting');
  const connected = watch();
  (await hub.peer()).connected();
  await connectionOf(connected, 'connected');
  const opening = watch();
  await Promise.resolve();
  const asking = watch({ token: () => new Promise(() => {}) });
  const changes = heard((listener) => connected.on('connection', listener));
  for (const subscription of [waiting, connected, opening, asking]) {
    subscription.close();
    subscription.close();
    expect(subscription.connection).toBe('closed');
    expect(await subscription.closed).toMatchObject({ status: 'closed', word: 'done' });
  }
  expect(changes).toEqual([{ status: 'closed', code: 1000, reason: 'close() was called' }]);
});

test('a listener may close the link that it hears of', async () => {
  const subscription = watch();
  subscription.on('connection', () => subscription.close());
  (await hub.peer()).connected();
  expect(await subscription.closed).toMatchObject({ status: 'closed' });
});
