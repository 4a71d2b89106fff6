/** A sender that was let in: what it sends, what it is told, and its right to be there. */
import { describe, expect, test } from 'vitest';
import type { Bus } from '../../src/bus/bus.ts';
import { memoryBus } from '../../src/bus/memory.ts';
import type { RemoteState } from '../../src/lib/remote.ts';
import { pass, settled } from '../support/fake-clock.ts';
import { span } from '../support/scripted-recognizer.ts';
import { audio, expectClosed, free, gate, handshakeOf, meeting, set, stage } from '../support/stage.ts';

describe('audio', () => {
  test('goes to the recognizer; words come back to the sender and to viewers, and then they are durable', async () => {
    set();
    const viewer = await stage.viewer();
    const sender = await stage.accepted();
    sender.send(audio(600), audio(600));
    await settled();
    expect(stage.recognizer.stream.bytes).toBe(1_200 * 32);
    stage.recognizer.stream.say(span('hello', 0, 400, { isFinal: false, endsUtterance: false }));
    await pass(1_000);
    expect(sender.of('ack')).toEqual([{ type: 'ack', received_ms: 1_200, durable_ms: 0 }]);
    stage.recognizer.stream.say(span('hello there', 0, 800));
    await pass(1_000);
    expect(sender.of('ack').slice(1)).toEqual([{ type: 'ack', received_ms: 1_200, durable_ms: 800 }]);
    stage.recognizer.stream.say(span('', 800, 1_200));
    await pass(1_000);
    expect(sender.of('ack').slice(2)).toEqual([{ type: 'ack', received_ms: 1_200, durable_ms: 1_200 }]);
    const kinds = ['transcript.partial', 'transcript.final'] as const;
    expect(kinds.map((kind) => sender.of(kind).map(({ text }) => text))).toEqual([
      ['hello'],
      ['hello there'],
    ]);
    for (const kind of kinds) expect(viewer.of(kind)).toEqual(sender.of(kind));
    expect(await stage.said()).toEqual(['live', '“hello there”']);
  });

  test('an empty frame is nothing, and the longest one that is allowed is allowed', async () => {
    set();
    const sender = await stage.accepted();
    sender.send(audio(0), new Uint8Array(32_768));
    await settled();
    expect(stage.recognizer.stream.bytes).toBe(32_768);
    expect(sender.closed).toBeUndefined();
  });

  test.each([
    ['too long', new Uint8Array(32_770), 1009, 'too_large'],
    ['no whole samples', new Uint8Array(7), 4007, 'bad_message'],
  ] as const)(
    'a frame that is %s ends it; what came before is heard out',
    async (_what, frame, code, word) => {
      set();
      const sender = await stage.accepted();
      sender.send(audio(100), frame, audio(100));
      await settled();
      expectClosed(sender, code, word);
      expect(sender.of('error')[0]?.message).toContain(String(frame.length));
      expect(stage.recognizer.stream.bytes).toBe(100 * 32);
      expect(stage.recognizer.stream.isFinished).toBe(true);
      expect(await stage.claims()).toEqual({ sent: [], vacant: ['mic'] });
    },
  );

  test('half a sample of two channels is none', async () => {
    set();
    const sender = await stage.accepted({ channels: 2 });
    sender.send(new Uint8Array(6));
    await settled();
    expectClosed(sender, 4007, 'bad_message');
  });

  test('a frame far beyond what is allowed is not even read', async () => {
    set();
    const sender = await stage.accepted();
    sender.send(new Uint8Array(4 * 32_768 + 2));
    await settled();
    expect(sender.closed?.code).toBe(1009);
    expect(sender.isGone).toBe(true);
    expect(stage.recognizer.stream.bytes).toBe(0);
  });

  test.each([
    ['no JSON', '{'],
    ['no message of a sender', { type: 'connected' }],
  ])('a text that is %s ends it', async (_what, message) => {
    set();
    const sender = await stage.accepted();
    sender.send(message);
    await settled();
    expectClosed(sender, 4007, 'bad_message');
  });

  test('`flush` asks for the words so far, and audio goes on', async () => {
    set();
    const sender = await stage.accepted();
    sender.send(audio(100), { type: 'flush' }, audio(100));
    await settled();
    const { flushes, isFinished, bytes } = stage.recognizer.stream;
    expect([flushes, isFinished, bytes]).toEqual([1, false, 200 * 32]);
  });
});

describe('too much', () => {
  test('frames above their rate are all taken, and what comes next waits in the network', async () => {
    set({ limits: { ingestFramesPerSecond: 10 } });
    const sender = await stage.accepted();
    sender.send(...Array.from({ length: 15 }, () => audio(20)));
    await settled();
    sender.send(audio(20));
    await pass(499);
    expect(stage.recognizer.stream.bytes).toBe(15 * 20 * 32);
    expect(sender.unreadBytes).toBeGreaterThan(0);
    await pass(1);
    await settled();
    expect(stage.recognizer.stream.bytes).toBe(16 * 20 * 32);
    expect(sender.unreadBytes).toBe(0);
  });

  test('a recognizer that is full lets the sender wait', async () => {
    set();
    const sender = await stage.accepted();
    const room = gate();
    stage.recognizer.stream.full = room.passed;
    sender.send(audio(20));
    await settled();
    stage.recognizer.stream.full = undefined;
    sender.send(audio(20));
    await pass(10_000);
    expect(stage.recognizer.stream.bytes).toBe(20 * 32);
    room.open();
    await settled();
    expect(stage.recognizer.stream.bytes).toBe(40 * 32);
  });

  test('so does an outbox that is full, until the store is back', async () => {
    set({ limits: { outboxBytes: 600 } });
    const sender = await stage.accepted();
    stage.store.condition = 'away';
    sender.send(audio(100));
    stage.recognizer.stream.say(span('hello there', 0, 100));
    await settled();
    sender.send(audio(20));
    await settled();
    sender.send(audio(20));
    await pass(2_000);
    expect(stage.recognizer.stream.bytes).toBe(120 * 32);
    stage.store.condition = 'well';
    await pass(2_000);
    expect(stage.recognizer.stream.bytes).toBe(140 * 32);
    expect(sender.of('status').map(({ status }) => status)).toEqual(['live', 'degraded', 'recovered']);
    stage.expectedErrors = ['store: the store is away'];
  });

  test('it is read again only when there is no reason left to wait', async () => {
    set({ limits: { ingestFramesPerSecond: 10 } });
    const sender = await stage.accepted();
    const room = gate();
    stage.recognizer.stream.full = room.passed;
    sender.send(...Array.from({ length: 15 }, () => audio(20)));
    await settled();
    sender.send(audio(20));
    await pass(1_000);
    expect(sender.unreadBytes).toBeGreaterThan(0);
    room.open();
    await settled();
    expect(sender.unreadBytes).toBe(0);
  });

  test('a sender that waits and is gone is waited for no longer', async () => {
    set({ limits: { ingestFramesPerSecond: 1 } });
    const sender = await stage.accepted();
    // For longer than the stage waits at its end, where no timer may be left.
    sender.send(...Array.from({ length: 200 }, () => audio(20)));
    await settled();
    sender.vanish();
    await settled();
    expect(stage.recognizer.stream.isFinished).toBe(true);
    expect(await stage.claims()).toEqual({ sent: [], vacant: ['mic'] });
  });
});

describe('off the record', () => {
  test('audio moves the clock on, and nobody hears it', async () => {
    set();
    const sender = await stage.accepted();
    sender.send(audio(500), { type: 'off_record', on: true }, audio(700));
    await settled();
    const { stream } = stage.recognizer;
    expect([stream.bytes, stream.flushes]).toEqual([500 * 32, 1]);
    sender.send({ type: 'off_record', on: true }, { type: 'off_record', on: false }, audio(300));
    stage.recognizer.stream.say(span('before', 0, 500), span('after', 500, 800));
    await pass(1_000);
    expect([stream.bytes, stream.flushes]).toEqual([800 * 32, 2]);
    expect(await stage.said()).toEqual(['live', 'off_record', 'on_record', '“before”', '“after”']);
    const finals = sender.of('transcript.final').map(({ start_ms, end_ms }) => [start_ms, end_ms]);
    expect(finals).toEqual([
      [0, 500],
      [1_200, 1_500],
    ]);
    expect(sender.of('ack')).toEqual([{ type: 'ack', received_ms: 1_500, durable_ms: 1_500 }]);
  });

  test('what the log says already is not said again by who comes back', async () => {
    set();
    const first = await stage.accepted({ session_id: 'one' });
    first.send(audio(500), { type: 'off_record', on: true }, audio(500));
    stage.recognizer.stream.say(span('before', 0, 500));
    await pass(1_000);
    first.vanish();
    await settled();
    const back = await stage.accepted({ session_id: 'one', resume: true });
    back.send({ type: 'off_record', on: true }, audio(500));
    await settled();
    expect(stage.recognizer.stream.bytes).toBe(0);
    expect(stage.recognizer.stream.flushes).toBe(1);
    expect(await stage.said()).toEqual(['live', 'off_record', '“before”', 'recovered']);
    back.send({ type: 'off_record', on: false });
    await settled();
    expect((await stage.said()).at(-1)).toBe('on_record');
  });

  test('nor what it said of audio that it sends again', async () => {
    set();
    const first = await stage.accepted({ session_id: 'one' });
    const on = { type: 'off_record', on: true };
    const off = { type: 'off_record', on: false };
    first.send(audio(500), on, audio(100), off, audio(400));
    await settled();
    first.vanish();
    await settled();
    const back = await stage.accepted({ session_id: 'one', resume: true });
    expect(back.of('handshake_ack')).toMatchObject([{ resume_from_ms: 0 }]);
    back.send(audio(500), on, audio(100), off, audio(400), on);
    await settled();
    expect(await stage.said()).toEqual(['live', 'off_record', 'on_record', 'recovered', 'off_record']);
  });
});

describe('what it is told', () => {
  test('how its recognizer is, once that is worth a word', async () => {
    set();
    const sender = await stage.accepted();
    const { stream } = stage.recognizer;
    const state = (name: 'reconnecting' | 'silent' | 'recovered') =>
      ({ kind: 'state', state: name, reason: `it is ${name}` }) as const;
    stream.say(state('reconnecting'), state('recovered'));
    await pass(2_000);
    stream.say(state('reconnecting'));
    await pass(1_000);
    stream.say(state('recovered'), state('silent'));
    await settled();
    const told = sender.of('status').map(({ status, details }) => [status, details]);
    const part = { part: 'recognizer', source: 'mic' };
    expect(told.slice(1)).toEqual([
      ['reconnecting', part],
      ['recovered', part],
      ['degraded', { ...part, cause: 'asr_silent' }],
    ]);
    const seen = stage.observed.flatMap((event) => (event.type === 'recognizer' ? [event.state] : []));
    expect(seen).toEqual(['reconnecting', 'recovered', 'reconnecting', 'recovered', 'silent']);
    expect(await stage.said()).toEqual(['live']);
  });

  test('what is taken back, and nothing else that others say', async () => {
    set();
    const sender = await stage.accepted();
    stage.recognizer.stream.say(span('a secret', 0, 500));
    sender.send(audio(500));
    await settled();
    await stage.hub.meeting(meeting).tip('ask why');
    await stage.hub.meeting(meeting).retract({ segmentNo: 1 });
    await settled();
    expect(sender.of('retract')).toMatchObject([{ segment_no: 1 }]);
    expect(sender.messages.map(({ type }) => type)).not.toContain('ai.tip');
  });

  test('a bus that refuses is reported, and the sender goes on', async () => {
    const bus: Bus = { ...memoryBus(), subscribe: () => Promise.reject(new Error('the bus is away')) };
    set({ bus });
    const sender = await stage.accepted();
    sender.send(audio(100));
    await settled();
    expect(stage.recognizer.stream.bytes).toBe(100 * 32);
    sender.vanish();
    await settled();
    stage.expectedErrors = ['bus: the bus is away'];
  });

  test('that its node is isolated: at once, and who comes then too, but nobody before it is let in', async () => {
    let change: (state: RemoteState) => void = () => {};
    const watch = (onChange: typeof change) => {
      change = onChange;
    };
    set({ bus: { ...memoryBus(), remote: { ping: async () => {}, watch } } });
    const waiting = await stage.sender();
    const sender = await stage.accepted();
    change('away');
    await settled();
    expect(sender.of('status').at(-1)).toMatchObject({ status: 'degraded', details: { part: 'redis' } });
    expect(waiting.received).toEqual([]);
    const next = await stage.accepted({ source: 'system' });
    expect(next.of('status')[0]).toMatchObject({ status: 'degraded', details: { part: 'redis' } });
    stage.recognizer.stream.hangs = true;
    next.send({ type: 'finalize' });
    await settled();
    change('back');
    await settled();
    for (const told of [sender, next]) {
      expect(told.of('status').at(-1)).toMatchObject({ status: 'recovered', details: { part: 'redis' } });
    }
  });

  test('pings are answered as they were asked, unless their sender reads nothing', async () => {
    set({ limits: { hardUnsentBytes: 20_000 } });
    const sender = await stage.accepted();
    sender.send('ping', { type: 'ping' });
    await settled();
    expect(sender.received.slice(-2)).toEqual(['pong', { type: 'pong' }]);
    sender.pause();
    sender.send(...Array.from({ length: 2_000 }, () => ({ type: 'ping' })));
    await settled();
    const closes = stage.observed.flatMap((event) => (event.type === 'closed' ? [event.word] : []));
    expect(closes).toEqual(['slow_consumer']);
    sender.resume();
    await settled();
    expectClosed(sender, 4008, 'slow_consumer');
  });
});

describe('its right to be there', () => {
  test('a token about to run out is told of, and then closed with 4005; what was sent is heard out', async () => {
    set({ limits: { tokenWarningMs: 60_000 } });
    const sender = await stage.accepted({}, 'ann/2');
    await pass(59_999);
    expect(sender.of('status').map(({ status }) => status)).toEqual(['live']);
    await pass(1);
    expect(sender.of('status').at(-1)).toMatchObject({
      status: 'token_expiring',
      details: { expires_at: '2026-03-02T09:02:00.000Z' },
    });
    await pass(59_999);
    expect(sender.closed).toBeUndefined();
    await pass(1);
    await settled();
    expectClosed(sender, 4005, 'token_expired');
    expect(stage.recognizer.stream.isFinished).toBe(true);
  });

  test('a fresh token gives it more time', async () => {
    set({ limits: { tokenWarningMs: 60_000 } });
    const sender = await stage.accepted({}, 'ann/2');
    sender.send({ type: 'auth', token: 'ann/60' });
    await settled();
    expect(sender.of('auth_ok')).toEqual([{ type: 'auth_ok', expires_at: '2026-03-02T10:00:00.000Z' }]);
    await pass(600_000);
    expect(sender.closed).toBeUndefined();
    expect(sender.of('status').map(({ status }) => status)).toEqual(['live']);
  });

  test.each([
    ['somebody else’s', 'bob', 4001, 'auth_failed', []],
    ['nobody’s', 'nobody', 4001, 'auth_failed', []],
    ['of lesser rights', 'ann/60/none', 4004, 'forbidden', []],
    ['one that cannot be read', 'trouble', 1011, 'internal_error', ['auth: the keys cannot be read']],
  ] as const)('a fresh token that is %s ends it', async (_whose, token, code, word, errors) => {
    set();
    const sender = await stage.accepted();
    sender.send({ type: 'auth', token });
    await settled();
    expectClosed(sender, code, word);
    stage.expectedErrors = [...errors];
  });

  test('in every earlier state a token that runs out ends it too', async () => {
    set();
    const waiting = await stage.sender('', 'ann/1');
    stage.recognizer.openings.push(new Promise(() => {}));
    const opening = await stage.sender('', 'ann/1');
    opening.send(handshakeOf());
    await pass(10_000);
    expectClosed(waiting, 4006, 'bad_handshake');
    await pass(50_000);
    await settled();
    expectClosed(opening, 4005, 'token_expired');
    expect(await stage.claims()).toEqual(free);
    expect(await stage.said()).toEqual([]);
  });

  test('a link that is silent for two heartbeats is ended without a word', async () => {
    set({ limits: { heartbeatMs: 1_000 } });
    const [dead, alive] = [await stage.accepted(), await stage.accepted({ source: 'system' })];
    dead.answerPings(false);
    await pass(3_000);
    expect(dead.isGone).toBe(true);
    expect(dead.closed).toBeUndefined();
    expect(alive.isGone).toBe(false);
    expect(await stage.claims()).toEqual({ sent: ['system'], vacant: ['mic'] });
  });

  test('one that the hub itself does not read is not silent', async () => {
    set({ limits: { heartbeatMs: 1_000 } });
    const sender = await stage.accepted();
    stage.recognizer.stream.full = new Promise(() => {});
    sender.send(audio(20));
    await pass(10_000);
    expect(sender.isGone).toBe(false);
  });
});
