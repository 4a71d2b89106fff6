/**
 * What follows the last audio of a sender: its last words, what is said of the meeting, and what becomes of its claim.
 *
 * | finishing, because | the words are all there                                  | the recognizer says no more, or fails |
 * |--------------------|----------------------------------------------------------|---------------------------------------|
 * | it finalized       | ended, or the meeting goes on; 1000; claim given back    | 4010; waits for it; a gap             |
 * | it said `close`    | 1000 at once; last word said; idle; claim given back     | waits for it; a gap                   |
 * | it vanished        | waits for it; then its last word or a gap, and idle      | waits for it; a gap                   |
 * | the hub closes     | idle, if it was the last; claim given back; 1012         | claim given back; 1012                |
 *
 * In each of them: a lost claim is 4009; at the hub's deadline the claim is given back, then 1012; a socket that is gone,
 * audio and commands change nothing.
 */
import { describe, expect, test } from 'vitest';
import { EntryRefusedError } from '../../src/lib/errors.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import type { AudioNote } from '../../src/registry/registry.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { statusEntry } from '../support/entries.ts';
import { pass, settled } from '../support/fake-clock.ts';
import {
  done,
  finalize,
  gone,
  graceMs,
  halfHeard,
  heard,
  micVacant,
  registryOf,
  sayRest,
  stop,
} from '../support/heard.ts';
import { span } from '../support/scripted-recognizer.ts';
import {
  audio,
  expectClosed,
  free,
  gate,
  handshakeOf,
  meeting,
  micSent,
  type SenderEnd,
  set,
  stage,
} from '../support/stage.ts';
import { storeWith } from '../support/store-with.ts';

describe('it finalizes', () => {
  test('everybody hears that it ends; then the last words, then that it has ended, and 1000', async () => {
    set();
    const viewer = await stage.viewer();
    const { sender, stream } = await halfHeard(stage);
    sender.send(finalize);
    await pass(500);
    expect(stream.isFinished).toBe(true);
    expect(sender.closed).toBeUndefined();
    sayRest(stream);
    await settled();
    expect(sender.closed).toEqual(done);
    expect(sender.of('error')).toEqual([]);
    expect(viewer.of('status').map(({ status }) => status)).toEqual(['live', 'ending', 'ended']);
    expect(viewer.of('status')[1]).not.toHaveProperty('seq');
    expect(sender.of('status')).toEqual(viewer.of('status'));
    expect(sender.of('transcript.final')).toEqual(viewer.of('transcript.final'));
    expect(await stage.said()).toEqual(['live', '“hello”', '“so it is”', 'ended']);
    const all = { received_ms: 1_000, forwarded_ms: 1_000, covered_ms: 1_000 };
    expect((await stage.entries()).at(-1)).toMatchObject({
      meta: { source: 'mic' },
      details: { source: 'mic', last_seq: 3, coverage: { mic: all } },
    });
    expect(sender.of('ack').at(-1)).toMatchObject({ received_ms: 1_000, durable_ms: 1_000 });
    expect(await stage.claims()).toEqual(free);
    expect(stage.steps('ingest').slice(-3)).toEqual(['pcm_streaming', 'draining', 'cleanup_complete']);
    await pass(graceMs);
    expect((await stage.said()).at(-1)).toBe('ended');
  });

  test('what other nodes have heard of it counts too', async () => {
    const inner = memoryRegistry();
    let elsewhere: AudioNote[] = [];
    set({ registry: { ...inner, counts: async (of) => ({ ...(await inner.counts(of)), elsewhere }) } });
    const sender = await heard(stage);
    const { epoch } = await stage.store.head(meeting);
    const note = { receivedMs: 500, forwardedMs: 400, coveredMs: 300, positionMs: 500 };
    elsewhere = [
      { source: 'mic', epoch, ...note },
      { source: 'mic', epoch: 'another', ...note },
      { source: 'system', epoch, ...note },
    ];
    sender.send(finalize);
    await settled();
    expect(sender.of('status').at(-1)?.details).toMatchObject({
      coverage: {
        mic: { received_ms: 1_500, forwarded_ms: 1_400, covered_ms: 1_300 },
        system: { received_ms: 500, forwarded_ms: 400, covered_ms: 300 },
      },
    });
  });

  test('while another source is sent the meeting goes on, and only this sender is told', async () => {
    set();
    const viewer = await stage.viewer();
    const other = await stage.accepted({ source: 'system' });
    const sender = await heard(stage);
    sender.send(finalize);
    await settled();
    expect(sender.closed).toEqual(done);
    expect(sender.of('status').at(-1)).toMatchObject({ status: 'ended', details: { source: 'mic' } });
    expect(sender.of('status').at(-1)).not.toHaveProperty('seq');
    expect(viewer.of('status').map(({ status }) => status)).toEqual(['live', 'live', 'ending']);
    other.send(finalize);
    await settled();
    expect(viewer.of('status').at(-1)).toMatchObject({ status: 'ended', details: { source: 'system' } });
  });

  test('while another source is waited for, the meeting ends with that one', async () => {
    set();
    const other = await stage.accepted({ source: 'system' });
    const sender = await heard(stage);
    other.vanish();
    await settled();
    sender.send(finalize);
    await settled();
    expect(await stage.said()).toEqual(['live', 'live', '“hello”']);
    await pass(graceMs);
    expect(await stage.said()).toEqual(['live', 'live', '“hello”', 'ended']);
  });

  test('somebody has begun to send it before that is said: it is not said', async () => {
    const released = gate();
    const registry = registryOf((claim) => ({
      release: async (how) => {
        const what = await claim.release(how);
        await released.passed;
        return what;
      },
    }));
    set({ registry });
    const sender = await heard(stage);
    sender.send(finalize);
    await settled();
    await stage.accepted();
    released.open();
    await settled();
    expect(sender.closed).toEqual(done);
    expect(sender.of('status').at(-1)).toMatchObject({ status: 'ended' });
    expect(await stage.said()).toEqual(['live', '“hello”', 'live']);
  });

  test('its socket is gone meanwhile: it is heard out, and the meeting ends all the same', async () => {
    set();
    const { sender, stream } = await halfHeard(stage);
    sender.send(finalize);
    await settled();
    sender.vanish();
    await settled();
    expect(await stage.claims()).toEqual(micSent);
    sayRest(stream);
    await settled();
    expect(await stage.said()).toEqual(['live', '“hello”', '“so it is”', 'ended']);
    expect(await stage.claims()).toEqual(free);
  });

  test('audio and commands that come after it are nothing; pings are answered', async () => {
    set();
    const { sender, stream } = await halfHeard(stage);
    sender.send(finalize, audio(500), { type: 'flush' }, { type: 'off_record', on: true }, finalize, 'ping');
    await settled();
    expect(sender.received.at(-1)).toBe('pong');
    sayRest(stream);
    await settled();
    expect(sender.closed).toEqual(done);
    expect([stream.bytes, stream.flushes]).toEqual([1_000 * 32, 0]);
    expect(sender.of('ack').at(-1)).toMatchObject({ received_ms: 1_000 });
    expect(await stage.said()).toEqual(['live', '“hello”', '“so it is”', 'ended']);
  });

  test('a recognizer that says nothing any more is given up: 4010, and what it did not hear is missing', async () => {
    set({ limits: { drainSilenceMs: 5_000, drainAwayMs: 20_000 } });
    const { sender, stream } = await halfHeard(stage);
    await pass(10_000); // That it was silent before does not count.
    sender.send(finalize);
    await pass(4_000);
    stream.say(span('', 400, 500));
    await pass(5_000);
    expect(sender.closed).toBeUndefined();
    await pass(1_000);
    expectClosed(sender, 4010, 'recognizer_unavailable');
    expect(sender.of('error')[0]?.message).toContain('5 s');
    expect(stream.isAborted).toBe(true);
    expect(await stage.claims()).toEqual(micVacant);
    await pass(graceMs);
    expect(await stage.said()).toEqual(['live', '“hello”', 'gap 500–1000 recognizer_unavailable', 'idle']);
    expect(await stage.claims()).toEqual(free);
    stage.expectedErrors = ['ingest: The speech recognizer has not returned the last words for 5 s.'];
  });

  test('one that cannot be reached is waited for longer', async () => {
    set({ limits: { drainSilenceMs: 5_000, drainAwayMs: 20_000 } });
    const { sender, stream } = await halfHeard(stage);
    sender.send(finalize);
    stream.say({ kind: 'state', state: 'reconnecting', reason: 'it is away' });
    await pass(20_000);
    expect(sender.closed).toBeUndefined();
    await pass(1_000);
    expectClosed(sender, 4010, 'recognizer_unavailable');
    expect(sender.of('status').map(({ status }) => status)).toEqual(['live', 'ending', 'reconnecting']);
    await pass(graceMs);
    expect((await stage.said()).slice(-2)).toEqual(['gap 400–1000 recognizer_unavailable', 'idle']);
    stage.expectedErrors = ['ingest: The speech recognizer has not returned the last words for 20 s.'];
  });

  test('one that fails: 4010; who comes back in time leaves no gap', async () => {
    set();
    const { sender, stream } = await halfHeard(stage, { session_id: 'one' });
    sender.send(finalize);
    await settled();
    stream.fail(gone);
    await settled();
    expectClosed(sender, 4010, 'recognizer_unavailable');
    const back = await stage.accepted({ session_id: 'one', resume: true });
    expect(back.of('handshake_ack')).toMatchObject([{ resume_from_ms: 400 }]);
    stage.recognizer.stream.say(span('so it is', 0, 600));
    back.send(audio(600), finalize);
    await pass(graceMs);
    expect(await stage.said()).toEqual(['live', '“hello”', 'recovered', '“so it is”', 'ended']);
    stage.expectedErrors = ['ingest: it is gone'];
  });

  test('a store that does not take its end: 1011, and the meeting idles', async () => {
    const inner = memoryStore();
    const append: Store['append'] = async (at, entry, ...more) => {
      if (entry.type === 'status' && entry.status === 'ended') throw new EntryRefusedError('not this one');
      return inner.append(at, entry, ...more);
    };
    set({ store: storeWith(inner, { append }) });
    const sender = await heard(stage);
    sender.send(finalize);
    await pass(1_000);
    expectClosed(sender, 1011, 'internal_error');
    await pass(graceMs);
    expect(await stage.said()).toEqual(['live', '“hello”', 'idle']);
    expect(await stage.claims()).toEqual(free);
    stage.expectedErrors = ['store: not this one', 'ingest: not this one'];
  });

  test('a registry that does not take its claim back: 1011, and it is reported', async () => {
    set({
      registry: registryOf(() => ({ release: () => Promise.reject(new Error('the registry is away')) })),
    });
    const sender = await heard(stage);
    sender.send(finalize);
    await settled();
    expectClosed(sender, 1011, 'internal_error');
    await pass(graceMs);
    expect(await stage.said()).toEqual(['live', '“hello”']);
    const away = 'ingest: the registry is away';
    stage.expectedErrors = [away, away];
    await stage.registry.close();
  });
});

describe('it stops', () => {
  test('1000 at once; every word is said, and the meeting idles at once', async () => {
    set();
    const { sender, stream } = await halfHeard(stage, { session_id: 'one' });
    sender.send(stop);
    await settled();
    expect(sender.closed).toEqual(done);
    expect(sender.isGone).toBe(true);
    sayRest(stream); // Perhaps half a word at the end: nobody will send it again.
    await settled();
    expect(await stage.said()).toEqual(['live', '“hello”', '“so it”', '“is”', 'idle']);
    expect(await stage.claims()).toEqual(free);
    expect(stage.steps('ingest').slice(-2)).toEqual(['draining', 'cleanup_complete']);
  });

  test('while another source is sent nothing is said of the meeting', async () => {
    set();
    const other = await stage.accepted({ source: 'system' });
    const sender = await heard(stage);
    sender.send(stop);
    await settled();
    expect(await stage.said()).toEqual(['live', 'live', '“hello”']);
    other.send(stop);
    await settled();
    expect(await stage.said()).toEqual(['live', 'live', '“hello”', 'idle']);
  });

  test('its last words do not come: the log says so once nobody waits any more', async () => {
    set({ limits: { drainSilenceMs: 5_000, drainAwayMs: 5_000 } });
    const { sender } = await halfHeard(stage);
    sender.send(stop);
    await pass(6_000);
    expect(await stage.claims()).toEqual(micVacant);
    await pass(graceMs);
    expect((await stage.said()).slice(2)).toEqual(['gap 400–1000 recognizer_unavailable', 'idle']);
    stage.expectedErrors = ['ingest: The speech recognizer has not returned the last words for 5 s.'];
  });

  test('`close` after `finalize` closes the socket; the meeting ends nevertheless', async () => {
    set();
    const { sender, stream } = await halfHeard(stage);
    sender.send(finalize, stop);
    await settled();
    expect(sender.closed).toEqual(done);
    sayRest(stream);
    await settled();
    expect((await stage.said()).at(-1)).toBe('ended');
  });

  test('what it received before and did not send again is missing', async () => {
    set();
    const first = await stage.accepted({ session_id: 'one' });
    first.send(audio(1_000), audio(1_000));
    stage.recognizer.stream.say(span('hello', 0, 400));
    await settled();
    stage.recognizer.stream.fail(gone);
    await settled();
    const back = await stage.accepted({ session_id: 'one', resume: true });
    stage.recognizer.stream.say(span('so it is', 0, 600));
    back.send(audio(600), stop);
    await settled();
    expect((await stage.said()).slice(2)).toEqual([
      'recovered',
      '“so it”',
      '“is”',
      'gap 1000–2000 not_sent_again',
      'idle',
    ]);
    stage.expectedErrors = ['ingest: it is gone'];
  });
});

describe('it vanishes', () => {
  test('its claim is vacant until its time is over; then the meeting idles, once', async () => {
    set();
    const sender = await heard(stage);
    sender.vanish();
    await settled();
    expect(stage.recognizer.stream.isFinished).toBe(true);
    expect(await stage.claims()).toEqual(micVacant);
    await pass(graceMs - 1);
    expect(await stage.said()).toEqual(['live', '“hello”']);
    await pass(1);
    await settled();
    expect(await stage.said()).toEqual(['live', '“hello”', 'idle']);
    expect(await stage.claims()).toEqual(free);
  });

  test('while it is heard out a newcomer waits', async () => {
    set();
    const { sender, stream } = await halfHeard(stage);
    sender.vanish();
    await settled();
    const next = await stage.sender();
    next.send(handshakeOf());
    await pass(1_000);
    expect(next.received).toEqual([]);
    sayRest(stream);
    await pass(100);
    await settled();
    expect(next.of('handshake_ack')).toMatchObject([{ status: 'success', resume_from_ms: 1_000 }]);
    // Its last words too, for nobody will send them again.
    expect(await stage.said()).toEqual(['live', '“hello”', '“so it”', '“is”', 'live']);
  });

  test('it comes back in time: recovered, and nobody says that the meeting idles', async () => {
    set();
    const sender = await heard(stage, { session_id: 'one' });
    sender.vanish();
    await pass(graceMs - 1);
    const back = await stage.accepted({ session_id: 'one', resume: true });
    await pass(10 * graceMs);
    expect(back.closed).toBeUndefined();
    expect(await stage.said()).toEqual(['live', '“hello”', 'recovered']);
    expect(await stage.claims()).toEqual(micSent);
  });

  test('while it stands at the door its time does not pass; if it is refused it goes on', async () => {
    set();
    const { sender, stream } = await halfHeard(stage, { session_id: 'one' });
    sender.vanish();
    await settled();
    sayRest(stream);
    await pass(graceMs - 1_000);
    const opened = gate();
    stage.recognizer.openings.push(opened.passed.then(() => Promise.reject(gone)));
    const back = await stage.sender();
    back.send(handshakeOf({ session_id: 'one', resume: true }));
    await pass(2 * graceMs);
    expect(await stage.said()).toEqual(['live', '“hello”', '“so it”']);
    opened.open();
    await pass(1);
    expect(back.closed?.code).toBe(4010);
    expect((await stage.said()).slice(3)).toEqual(['gap 800–1000 not_sent_again', 'idle']);
    expect(await stage.claims()).toEqual(free);
    stage.expectedErrors = ['ingest: it is gone'];
  });

  test.each([
    ['has no name: it is said, for nobody will send it again', {}, '“is”'],
    ['has one: it is left to it', { session_id: 'one' }, 'gap 800–1000 not_sent_again'],
  ])('a word at its end may be half one; its session %s', async (_name, changes, rest) => {
    set();
    const { sender, stream } = await halfHeard(stage, changes);
    sender.vanish();
    await settled();
    sayRest(stream);
    await pass(graceMs - 1);
    expect(await stage.said()).toEqual(['live', '“hello”', '“so it”']);
    await pass(1);
    await settled();
    expect(await stage.said()).toEqual(['live', '“hello”', '“so it”', rest, 'idle']);
  });

  test('its last words do not come: the newcomer waits for a recognizer that is silent, not for one that is away', async () => {
    set({ limits: { drainSilenceMs: 5_000, drainAwayMs: 60_000 } });
    const { sender, stream } = await halfHeard(stage);
    sender.vanish();
    stream.say({ kind: 'state', state: 'reconnecting', reason: 'it is away' });
    await pass(10_000);
    const next = await stage.sender();
    next.send(handshakeOf());
    await pass(1_000);
    expect(next.of('handshake_ack')).toMatchObject([{ status: 'success', resume_from_ms: 1_000 }]);
    expect((await stage.said()).slice(2)).toEqual(['gap 400–1000 recognizer_unavailable', 'live']);
    stage.expectedErrors = [
      'ingest: The speech recognizer is unavailable, and another sender wants to send this source.',
    ];
  });

  test('another source is sent: nothing is said of the meeting until that one ends', async () => {
    set();
    const other = await stage.accepted({ source: 'system' });
    const sender = await heard(stage);
    sender.vanish();
    await pass(graceMs);
    expect(await stage.said()).toEqual(['live', 'live', '“hello”']);
    other.send(finalize);
    await settled();
    expect((await stage.said()).at(-1)).toBe('ended');
  });

  test('the meeting is forgotten meanwhile, and stays so', async () => {
    set();
    const { sender, stream } = await halfHeard(stage);
    sender.vanish();
    await settled();
    sayRest(stream); // Its last word is held back.
    await settled();
    await stage.store.forget(meeting);
    await pass(graceMs);
    expect(await stage.said()).toEqual([]);
    expect(await stage.claims()).toEqual(free);
  });

  test.each(['idle', 'ended'])('another node has said %s meanwhile: it is not said again', async (status) => {
    set();
    const sender = await heard(stage);
    sender.vanish();
    await settled();
    await stage.store.append(meeting, statusEntry(status));
    await pass(graceMs);
    expect(await stage.said()).toEqual(['live', '“hello”', status]);
  });

  test('somebody else sends the source on another node meanwhile: nothing is said of it', async () => {
    set();
    const { sender, stream } = await halfHeard(stage);
    sender.vanish();
    await settled();
    sayRest(stream);
    await settled();
    await stage.store.cover(meeting, { source: 'mic', fence: Number.MAX_SAFE_INTEGER, coveredMs: 0 });
    await pass(graceMs);
    expect(await stage.said()).toEqual(['live', '“hello”', '“so it”']);
    expect(await stage.claims()).toEqual(free);
  });

  test('a registry that does not know of drains and vacancies is reported, and what is missing is told', async () => {
    const away = () => Promise.reject(new Error('the registry is away'));
    set({ registry: registryOf(() => ({ markDraining: away, markVacant: away })) });
    const sender = await heard(stage);
    sender.vanish();
    await pass(graceMs);
    expect((await stage.said()).slice(0, 2)).toEqual(['live', '“hello”']);
    expect((await stage.said()).at(-1)).toBe('idle');
    expect(await stage.claims()).toEqual(free);
    expect(new Set(stage.errors())).toEqual(new Set(['ingest: the registry is away']));
    stage.expectedErrors = stage.errors();
  });

  test('a registry that does not take the claim back when its time is over is reported', async () => {
    set({
      registry: registryOf(() => ({ release: () => Promise.reject(new Error('the registry is away')) })),
    });
    const sender = await heard(stage);
    sender.vanish();
    await pass(graceMs);
    expect(await stage.said()).toEqual(['live', '“hello”']);
    stage.expectedErrors = ['ingest: the registry is away'];
    await stage.registry.close();
  });
});

describe('its claim is lost while it is heard out', () => {
  test.each([
    ['finalized', (sender: SenderEnd) => sender.send(finalize)],
    ['vanished', (sender: SenderEnd) => sender.vanish()],
  ])('it %s: 4009, and no word comes after', async (_how, leave) => {
    set();
    const { sender, stream } = await halfHeard(stage, { session_id: 'one' });
    leave(sender);
    await settled();
    const back = await stage.accepted({ session_id: 'one', resume: true });
    sayRest(stream);
    await settled();
    expect(sender.isGone).toBe(true);
    if (sender.closed) expectClosed(sender, 4009, 'superseded');
    expect(stream.isAborted).toBe(true);
    expect(back.closed).toBeUndefined();
    await pass(graceMs);
    expect(await stage.said()).toEqual(['live', '“hello”', 'recovered']);
    expect(await stage.claims()).toEqual(micSent);
  });
});

test('its claim is lost after its last word was heard, while that is on its way to the store: 4009', async () => {
  set();
  const { sender, stream } = await halfHeard(stage, { session_id: 'one' });
  sender.send(finalize);
  await settled();
  stage.store.condition = 'silent';
  sayRest(stream);
  await settled();
  const back = await stage.sender();
  back.send(handshakeOf({ session_id: 'one', resume: true }));
  await settled();
  expectClosed(sender, 4009, 'superseded');
  stage.store.condition = 'well';
  await pass(1_000);
  expect(back.of('handshake_ack')).toMatchObject([{ status: 'success', resume_from_ms: 1_000 }]);
  await pass(graceMs);
  expect(await stage.said()).toEqual(['live', '“hello”', '“so it is”', 'recovered']);
});
