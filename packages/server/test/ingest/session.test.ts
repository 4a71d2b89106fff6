/**
 * A sender, from its first message until it has its source: over sockets in memory and on a fake clock. The rest of its
 * states are beside this file: -opening, -streaming, -failing, -end (with its own table) and -hub-closes.
 *
 *   awaiting-handshake ─▶ claiming ─▶ opening ─▶ streaming ─▶ finishing
 *          └─────────────────┴───────────┴──────────┴────────────┴──▶ closed
 *
 * | state              | on                                   | then                                                     |
 * |--------------------|--------------------------------------|----------------------------------------------------------|
 * | awaiting-handshake | a handshake                          | claiming                                                 |
 * |                    | its time is over, anything else      | 4006                                                     |
 * |                    | it comes too often                   | 1013                                                     |
 * | claiming           | the claim                            | opening                                                  |
 * |                    | somebody sends                       | 4002                                                     |
 * |                    | somebody only drains, or is vacant   | asks again                                               |
 * |                    | the registry fails                   | 1011                                                     |
 * |                    | the claim, and nobody is there       | closed; the claim is given back                          |
 * | opening            | a recognizer and a place             | streaming                                                |
 * |                    | the recognizer refuses               | 4010; the claim is given back                            |
 * |                    | the fence is too low                 | claims above it; 4009 if it is taken                     |
 * |                    | a recognizer, and nobody is there    | closed; the recognizer is let go                         |
 * | streaming          | audio, flush, off_record             | goes on                                                  |
 * |                    | finalize, close, the socket, the hub | finishing                                                |
 * |                    | the claim is lost                    | 4009                                                     |
 * |                    | the recognizer stops, the store      | 4010, 1011, 4009; the claim is vacant, or given back     |
 * |                    | a wrong frame                        | 1009, 4007                                               |
 * | every one          | the token runs out                   | 4005                                                     |
 * |                    | the hub closes, the socket is gone   | closed; from streaming by finishing                      |
 * |                    | ping, a fresh token                  | answered                                                 |
 */
import { describe, expect, test } from 'vitest';
import { pass, settled } from '../support/fake-clock.ts';
import {
  audio,
  expectClosed,
  expectRefused,
  free,
  gate,
  handshakeOf,
  meeting,
  micSent,
  registryWith,
  set,
  stage,
} from '../support/stage.ts';

describe('before the handshake', () => {
  test('a handshake is answered with where its audio begins, and the meeting is live', async () => {
    set();
    const sender = await stage.accepted({ title: 'weekly' });
    const { epoch } = await stage.store.head(meeting);
    expect(sender.of('handshake_ack')).toEqual([
      {
        type: 'handshake_ack',
        status: 'success',
        message: 'Send audio.',
        session_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        resume_from_ms: 0,
        session_from_ms: 0,
        epoch,
        max_frame_bytes: 32_768,
      },
    ]);
    expect(await stage.entries()).toMatchObject([
      { status: 'live', meta: { source: 'mic' }, details: { source: 'mic', title: 'weekly' } },
    ]);
    expect(sender.of('status')).toEqual(await stage.entries());
    expect(stage.steps('ingest')).toEqual(['connected', 'handshake_complete', 'pcm_streaming']);
    expect(await stage.claims()).toEqual(micSent);
  });

  test('the recognizer is opened for what the handshake says', async () => {
    set();
    await stage.accepted();
    await stage.accepted({
      source: 'system',
      sample_rate: 8_000,
      channels: 2,
      language: 'de',
      session_id: 'one',
    });
    expect(stage.recognizer.streams.map(({ request }) => request)).toEqual([
      { sampleRate: 16_000, channels: 1, source: 'mic', canWait: false },
      { sampleRate: 8_000, channels: 2, source: 'system', canWait: true, language: 'de' },
    ]);
  });

  test('whoever says nothing in time is refused; pings and tokens are no handshake', async () => {
    set({ limits: { handshakeTimeoutMs: 5_000 } });
    const sender = await stage.sender();
    await pass(3_000);
    sender.send('ping', { type: 'ping' }, { type: 'auth', token: 'ann' });
    await pass(1_999);
    expect(sender.received.slice(0, 2)).toEqual(['pong', { type: 'pong' }]);
    expect(sender.of('auth_ok')).toHaveLength(1);
    expect(sender.closed).toBeUndefined();
    await pass(1);
    expectClosed(sender, 4006, 'bad_handshake');
    expect(sender.of('error')[0]?.message).toContain('5 s');
    expect(stage.steps('ingest')).toEqual(['connected', 'cleanup_complete']);
  });

  test('whoever has said it in time is not refused later', async () => {
    set({ limits: { handshakeTimeoutMs: 5_000 } });
    const sender = await stage.accepted();
    await pass(6_000);
    expect(sender.closed).toBeUndefined();
  });

  test.each([
    ['no JSON', '{', ''],
    ['no message', { type: 'hello' }, ''],
    ['a wrong field', handshakeOf({ sample_rate: 1 }), 'sample_rate'],
    ['no source', handshakeOf({ source: undefined }), '"source"'],
    ['finalize', { type: 'finalize' }, '"finalize" was sent before the handshake. Send the handshake first.'],
    ['flush', { type: 'flush' }, '"flush" was sent before the handshake. Send the handshake first.'],
    [
      'off_record',
      { type: 'off_record', on: true },
      '"off_record" was sent before the handshake. Send the handshake first.',
    ],
    ['close', { type: 'close' }, '"close" was sent before the handshake. Send the handshake first.'],
    ['audio', audio(20), 'Audio was sent before the handshake. Send the handshake first.'],
  ])('%s is refused', async (_name, message, why) => {
    set();
    const sender = await stage.sender();
    sender.send(message);
    await settled();
    expectRefused(sender, 4006, 'bad_handshake');
    expect(sender.of('error')[0]?.message).toContain(why);
    expect(stage.recognizer.signals).toEqual([]);
    expect(stage.steps('ingest')).toEqual(['connected', 'cleanup_complete']);
  });

  test('the address may say the source, and the handshake must not say another one', async () => {
    set();
    const sender = await stage.sender('source=system');
    sender.send(handshakeOf({ source: undefined }));
    const contradicted = await stage.sender('source=system');
    contradicted.send(handshakeOf());
    await settled();
    expect(sender.of('handshake_ack')).toMatchObject([{ status: 'success' }]);
    expect((await stage.claims()).sent).toEqual(['system']);
    expectRefused(contradicted, 4006, 'bad_handshake');
    expect(contradicted.of('error')[0]?.message).toContain('"system", as in the address, got "mic"');
  });

  test('a source that connects too often is sent away for a while, and no other source with it', async () => {
    set({ limits: { connectsPerWindow: 2, connectWindowMs: 1_000 } });
    for (let count = 0; count < 2; count += 1) {
      (await stage.accepted()).send({ type: 'close' });
      await settled();
    }
    const third = await stage.sender();
    third.send(handshakeOf());
    await settled();
    expectRefused(third, 1013, 'try_again_later');
    await stage.accepted({ source: 'system' });
    await pass(1_001);
    await stage.accepted();
  });

  test('whoever leaves has left nothing', async () => {
    set();
    const [one, two] = [await stage.sender(), await stage.sender()];
    one.vanish();
    two.close();
    await settled();
    expect(stage.steps('ingest')).toEqual(['connected', 'connected', 'cleanup_complete', 'cleanup_complete']);
    expect(await stage.entries()).toEqual([]);
  });
});

describe('while it claims its source', () => {
  test('somebody else sends: refused, and the first one goes on', async () => {
    set();
    const first = await stage.accepted();
    const second = await stage.sender();
    second.send(handshakeOf({ session_id: 'two' }));
    await settled();
    expectRefused(second, 4002, 'ingest_exists');
    expect(first.closed).toBeUndefined();
    expect(await stage.claims()).toEqual(micSent);
    expect(await stage.said()).toEqual(['live']);
  });

  test('somebody is heard out: it asks again and again until the source is free', async () => {
    set();
    const first = await stage.accepted();
    stage.recognizer.stream.hangs = true;
    first.send({ type: 'close' });
    await settled();
    const second = await stage.sender();
    second.send(handshakeOf());
    await pass(1_000);
    expect(second.received).toEqual([]);
    stage.recognizer.stream.end();
    await pass(99);
    expect(await stage.said()).toEqual(['live', 'idle']);
    await pass(1);
    await settled();
    expect(second.of('handshake_ack')).toMatchObject([{ status: 'success' }]);
    expect(await stage.said()).toEqual(['live', 'idle', 'live']);
  });

  test('whoever leaves while it waits for the source does not take it', async () => {
    set();
    const first = await stage.accepted();
    stage.recognizer.stream.hangs = true;
    first.send({ type: 'close' });
    await settled();
    const second = await stage.sender();
    second.send(handshakeOf());
    await pass(150);
    second.vanish();
    await pass(150);
    stage.recognizer.stream.end();
    await pass(1_000);
    expect(await stage.claims()).toEqual(free);
    expect(stage.recognizer.streams).toHaveLength(1);
    expect(stage.steps('ingest').slice(-2)).toEqual(['cleanup_complete', 'cleanup_complete']);
  });

  test('the same session that begins anew waits like a newcomer; one that resumes does not', async () => {
    set();
    const first = await stage.accepted({ session_id: 'one' });
    first.vanish();
    await settled();
    expect(await stage.claims()).toEqual({ sent: [], vacant: ['mic'] });
    const anew = await stage.sender();
    anew.send(handshakeOf({ session_id: 'one' }));
    await settled();
    expect(anew.received).toEqual([]); // It has made the wait for the first one superfluous.
    expect(await stage.claims()).toEqual(free);
    await pass(100);
    expect(anew.of('handshake_ack')).toMatchObject([{ status: 'success', session_id: 'one' }]);
    anew.vanish();
    await settled();
    const resumed = await stage.accepted({ session_id: 'one', resume: true });
    expect(resumed.of('status')).toMatchObject([{ status: 'recovered' }]);
  });

  test('audio and commands that were sent in one breath with the handshake come to their turn', async () => {
    set();
    const sender = await stage.sender();
    sender.send(handshakeOf(), audio(100), { type: 'flush' }, audio(50), { type: 'finalize' });
    await settled();
    const { bytes, flushes, isFinished } = stage.recognizer.stream;
    expect([bytes, flushes, isFinished]).toEqual([150 * 32, 1, true]);
    expect(sender.closed).toEqual({ code: 1000, reason: 'done' });
    expect(sender.of('ack').at(-1)).toMatchObject({ received_ms: 150 });
  });

  test('what comes later waits in the network until the sender is let in', async () => {
    const claimed = gate();
    const registry = registryWith(async (inner, ...args) => {
      await claimed.passed;
      return inner.claim(...args);
    });
    set({ registry });
    const sender = await stage.sender();
    sender.send(handshakeOf());
    await settled();
    sender.send(audio(100));
    await settled();
    expect(sender.unreadBytes).toBeGreaterThan(100 * 32);
    claimed.open();
    await settled();
    expect(sender.unreadBytes).toBe(0);
    expect(stage.recognizer.stream.bytes).toBe(100 * 32);
  });

  test('more than can be kept is refused', async () => {
    set({ registry: registryWith(() => new Promise(() => {})) });
    const sender = await stage.sender();
    sender.send(handshakeOf(), ...Array.from({ length: 999 }, () => ({ type: 'flush' })), audio(1));
    await settled();
    expect(sender.closed).toBeUndefined();
    const another = await stage.sender('source=system');
    another.send(
      handshakeOf({ source: 'system' }),
      ...Array.from({ length: 1_001 }, () => ({ type: 'flush' })),
    );
    await settled();
    expectClosed(another, 1013, 'try_again_later');
  });

  test('a registry that fails is the hub’s fault: 1011, and the sender may come back', async () => {
    set({ registry: registryWith(() => Promise.reject(new Error('the registry is away'))) });
    const sender = await stage.sender();
    sender.send(handshakeOf());
    await settled();
    expectRefused(sender, 1011, 'internal_error');
    expect(sender.of('error')).toMatchObject([{ retryable: true }]);
    expect(JSON.stringify(sender.received)).not.toContain('registry');
    stage.expectedErrors = ['ingest: the registry is away'];
  });

  test.each(['vanish', 'close'] as const)(
    'whoever leaves (%s) has its claim given back when it comes',
    async (how) => {
      const claimed = gate();
      const registry = registryWith(async (inner, ...args) => {
        const claim = await inner.claim(...args);
        await claimed.passed;
        return claim;
      });
      set({ registry });
      const sender = await stage.sender();
      sender.send(handshakeOf());
      await settled();
      if (how === 'vanish') sender.vanish();
      else sender.send({ type: 'close' }); // Not read: the sender waits.
      await settled();
      expect(await stage.claims()).toEqual(micSent);
      sender.vanish();
      await settled();
      claimed.open();
      await settled();
      expect(await stage.claims()).toEqual(free);
      expect(stage.recognizer.signals).toEqual([]);
      expect(await stage.said()).toEqual([]);
    },
  );

  test('whoever has left, and whose claim cannot be given back when it comes, is seen', async () => {
    const claimed = gate();
    const registry = registryWith(async (inner, ...args) => {
      const claim = await inner.claim(...args);
      await claimed.passed;
      if (claim.kind === 'held') return claim;
      const release: typeof claim.release = async () => {
        await claim.release();
        throw new Error('the registry is away');
      };
      return { ...claim, release };
    });
    set({ registry });
    const sender = await stage.sender();
    sender.send(handshakeOf());
    await settled();
    sender.vanish();
    await settled();
    claimed.open();
    await settled();
    expect(stage.errors()).toEqual(['ingest: the registry is away']);
    stage.expectedErrors = stage.errors();
  });

  test('a sender with a name has to say that it is still there, before it takes its own place from itself', async () => {
    set();
    const first = await stage.accepted({ session_id: 'one' });
    const late = await stage.sender();
    late.answerPings(false);
    late.send(handshakeOf({ session_id: 'one', resume: true }));
    await pass(10_000);
    expect([late.pings, late.received, first.closed]).toEqual([1, [], undefined]);
    late.vanish();
    await settled();
    expect(first.closed).toBeUndefined();
    const alive = await stage.accepted({ session_id: 'one', resume: true });
    expect(alive.pings).toBeGreaterThan(0);
    expectClosed(first, 4009, 'superseded');
  });
});

test('an answer to a heartbeat does not say that it is there', async () => {
  set({ limits: { heartbeatMs: 2_000 } });
  const sender = await stage.sender();
  sender.answerPings(false);
  await pass(2_000);
  expect(sender.pings).toBe(1);
  sender.send(handshakeOf({ session_id: 'one' }));
  await settled();
  expect(sender.pings).toBe(2);
  sender.answerPing();
  await settled();
  expect(await stage.claims()).toEqual(free);
  sender.answerPing();
  await settled();
  expect(await stage.claims()).toEqual(micSent);
});
