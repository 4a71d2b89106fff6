/** A sender that has its claim, until it is let in: its recognizer, and its place on the meeting's clock. */
import { describe, expect, test } from 'vitest';
import { RecognizerError } from '../../src/lib/errors.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import type { AudioNote, Claim, Registry } from '../../src/registry/registry.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { finalEntry, statusEntry } from '../support/entries.ts';
import { pass, settled } from '../support/fake-clock.ts';
import { span } from '../support/scripted-recognizer.ts';
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
import { storeWith } from '../support/store-with.ts';

describe('while its recognizer opens', () => {
  test.each([true, false])(
    'it refuses (may come back: %s): the sender is told why, nobody else',
    async (retryable) => {
      set();
      stage.recognizer.openings.push(new RecognizerError('out of credit', { retryable }));
      const sender = await stage.sender();
      sender.send(handshakeOf());
      await settled();
      expectRefused(sender, 4010, 'recognizer_unavailable');
      expect(sender.of('error')[0]?.message).toBe('out of credit');
      expect(await stage.claims()).toEqual(free);
      expect(await stage.said()).toEqual([]);
      expect(stage.steps('ingest')).toEqual(['connected', 'handshake_complete', 'cleanup_complete']);
      stage.expectedErrors = ['ingest: out of credit'];
    },
  );

  test('it hangs: whoever leaves gives its claim back, and what opens then is let go', async () => {
    set();
    const opened = gate();
    stage.recognizer.openings.push(opened.passed);
    const sender = await stage.sender();
    sender.send(handshakeOf());
    await pass(60_000);
    expect(sender.received).toEqual([]);
    expect(await stage.claims()).toEqual(micSent);
    sender.vanish();
    await settled();
    expect(stage.recognizer.signals[0]?.aborted).toBe(true);
    expect(await stage.claims()).toEqual(free);
    opened.open();
    await settled();
    expect(stage.recognizer.stream.isAborted).toBe(true);
    expect(await stage.said()).toEqual([]);
  });

  test('what was sent in one breath with the handshake is kept meanwhile', async () => {
    set();
    const opened = gate();
    stage.recognizer.openings.push(opened.passed);
    const sender = await stage.sender();
    sender.send(handshakeOf(), audio(20));
    await settled();
    opened.open();
    await settled();
    expect(stage.recognizer.stream.bytes).toBe(20 * 32);
  });

  test('what comes while it looks for its place is kept too', async () => {
    set();
    await stage.store.cover(meeting, { source: 'mic', fence: Number.MAX_SAFE_INTEGER - 100, coveredMs: 0 });
    const opened = gate();
    stage.recognizer.openings.push(opened.passed);
    const sender = await stage.sender();
    sender.send(handshakeOf({ session_id: 'one' }));
    await settled();
    sender.answerPings(false);
    opened.open();
    await settled();
    sender.send(audio(20), { type: 'flush' });
    await settled();
    expect([sender.unreadBytes, stage.recognizer.stream.bytes]).toEqual([0, 0]);
    sender.answerPings(true);
    await settled();
    expect([stage.recognizer.stream.bytes, stage.recognizer.stream.flushes]).toEqual([20 * 32, 1]);
  });

  test('a store that is away is waited for', async () => {
    set();
    stage.store.condition = 'away';
    const sender = await stage.sender();
    sender.send(handshakeOf());
    await pass(5_000);
    expect(sender.of('handshake_ack')).toEqual([]);
    stage.store.condition = 'well';
    await pass(1_000);
    expect(sender.of('handshake_ack')).toMatchObject([{ status: 'success' }]);
    stage.expectedErrors = ['store: the store is away'];
  });

  test('the same session comes again: the older socket is closed before it was let in', async () => {
    set();
    const opened = gate();
    stage.recognizer.openings.push(opened.passed);
    const first = await stage.sender();
    first.send(handshakeOf({ session_id: 'one' }));
    await settled();
    const second = await stage.accepted({ session_id: 'one', resume: true });
    opened.open();
    await settled();
    expect(first.closed).toEqual({ code: 4009, reason: 'superseded' });
    expect(second.closed).toBeUndefined();
    expect(await stage.claims()).toEqual(micSent);
    expect(await stage.said()).toEqual(['recovered']);
    stage.expectedErrors = stage.errors();
  });

  test('the store has seen a higher fence: it claims above it', async () => {
    set();
    const fence = Number.MAX_SAFE_INTEGER - 100;
    await stage.store.cover(meeting, { source: 'mic', fence, coveredMs: 700 });
    const sender = await stage.accepted({ session_id: 'one' });
    expect(sender.of('handshake_ack')).toMatchObject([{ resume_from_ms: 700 }]);
    expect(sender.pings).toBe(2); // Once more before it claims once more.
    expect(await stage.said()).toEqual(['live']);
    expect(await stage.claims()).toEqual(micSent);
  });

  test('the higher fence is somebody else’s: 4009', async () => {
    let claims = 0;
    const registry = registryWith((inner, ...args) => {
      claims += 1;
      return claims === 1 ? inner.claim(...args) : Promise.resolve({ kind: 'held', draining: false });
    });
    set({ registry });
    await stage.store.cover(meeting, { source: 'mic', fence: Number.MAX_SAFE_INTEGER - 100, coveredMs: 0 });
    const sender = await stage.sender();
    sender.send(handshakeOf());
    await settled();
    expectRefused(sender, 4009, 'superseded');
    expect(stage.recognizer.stream.isAborted).toBe(true);
    expect(await stage.claims()).toEqual(free);
    stage.expectedErrors = stage.errors();
    expect(stage.expectedErrors).toHaveLength(1);
  });

  test('a registry whose fences never suffice is asked four times', async () => {
    const asked: (number | undefined)[] = [];
    const registry = registryWith(async (inner, at, source, session, options) => {
      asked.push(options?.above);
      const claim = await inner.claim(at, source, session);
      return claim.kind === 'held' ? claim : { ...claim, fence: 1 };
    });
    set({ registry });
    await stage.store.cover(meeting, { source: 'mic', fence: 7, coveredMs: 0 });
    const sender = await stage.sender();
    sender.send(handshakeOf());
    await settled();
    expectRefused(sender, 4009, 'superseded');
    expect(asked).toEqual([undefined, 7, 7, 7]);
    stage.expectedErrors = stage.errors();
  });

  test.each(['before it claims again', 'while it claims again'])(
    'whoever leaves %s keeps nothing',
    async (when) => {
      const claimed = gate();
      let claims = 0;
      const registry = registryWith(async (inner, ...args) => {
        claims += 1;
        const claim = await inner.claim(...args);
        if (claims === 2) await claimed.passed;
        return claim;
      });
      set({ registry });
      await stage.store.cover(meeting, { source: 'mic', fence: Number.MAX_SAFE_INTEGER - 100, coveredMs: 0 });
      const opened = gate();
      stage.recognizer.openings.push(opened.passed);
      const sender = await stage.sender();
      sender.send(handshakeOf({ session_id: 'one' }));
      await settled();
      if (when === 'before it claims again') sender.answerPings(false);
      opened.open();
      await settled();
      expect(claims).toBe(when === 'before it claims again' ? 1 : 2);
      sender.vanish();
      await settled();
      claimed.open();
      await settled();
      expect(claims).toBe(when === 'before it claims again' ? 1 : 2);
      expect(await stage.claims()).toEqual(free);
      expect(stage.recognizer.stream.isAborted).toBe(true);
    },
  );

  test('its place is taken right after it was found: 4009 before it is let in', async () => {
    const inner = memoryStore();
    const found = gate();
    let asked = 0;
    const lastSession: typeof inner.lastSession = async (...args) => {
      asked += 1;
      const last = await inner.lastSession(...args);
      if (asked === 1) await found.passed;
      return last;
    };
    set({ store: storeWith(inner, { lastSession }) });
    const first = await stage.sender();
    first.send(handshakeOf({ session_id: 'one' }));
    await settled();
    const second = await stage.sender();
    second.send(handshakeOf({ session_id: 'one', resume: true }));
    await settled();
    expect(await stage.claims()).toEqual(micSent);
    found.open();
    await settled();
    expectClosed(first, 4009, 'superseded');
    expect(first.of('handshake_ack')).toEqual([]);
    expect(stage.recognizer.streams[0]?.isAborted).toBe(true);
    expect(second.of('handshake_ack')).toMatchObject([{ status: 'success' }]);
    expect(await stage.said()).toEqual(['recovered']);
  });

  test('its place was taken by the same session meanwhile: it does not take it back', async () => {
    const opened = gate();
    set();
    stage.recognizer.openings.push(opened.passed);
    const first = await stage.sender();
    first.send(handshakeOf({ session_id: 'one' }));
    await settled();
    const second = await stage.accepted({ session_id: 'one' });
    expect(second.closed).toBeUndefined();
    opened.open();
    await settled();
    expectRefused(first, 4009, 'superseded');
    expect(second.closed).toBeUndefined();
    stage.expectedErrors = stage.errors();
    expect(stage.expectedErrors).toHaveLength(1);
  });
});

describe('where its audio begins', () => {
  const known = { source: 'mic', fence: 5, coveredMs: 2_000 } as const;

  /** The registry after a node died that had received a second more of the source than is covered. */
  function afterDeadNode(): Registry {
    const inner = memoryRegistry();
    const totals = { receivedMs: 3_000, forwardedMs: 3_000, coveredMs: 2_000 };
    return {
      ...inner,
      async counts(of) {
        const { epoch } = await stage.store.head(meeting);
        const note: AudioNote = { source: 'mic', epoch, ...totals, positionMs: 3_000 };
        return { ...(await inner.counts(of)), elsewhere: [note] };
      },
      async claim(...args) {
        const claim = await inner.claim(...args);
        return claim.kind === 'held' ? claim : ({ ...claim, wasOrphaned: true } satisfies Claim);
      },
    };
  }

  test('a newcomer begins where the meeting is, on this node and on others', async () => {
    const inner = memoryRegistry();
    let elsewhere: AudioNote[] = [];
    set({ registry: { ...inner, counts: async (of) => ({ ...(await inner.counts(of)), elsewhere }) } });
    const first = await stage.accepted();
    first.send(audio(500));
    await settled();
    const second = await stage.accepted({ source: 'system' });
    expect(second.of('handshake_ack')).toMatchObject([{ resume_from_ms: 500, session_from_ms: 500 }]);
    const { epoch } = await stage.store.head(meeting);
    const none = { receivedMs: 0, forwardedMs: 0, coveredMs: 0 };
    elsewhere = [{ source: 'mic', epoch, ...none, positionMs: 9_000.5 }];
    second.send({ type: 'close' });
    await settled();
    const third = await stage.accepted({ source: 'system' });
    expect(third.of('handshake_ack')).toMatchObject([{ resume_from_ms: 9_000 }]);
  });

  test('who resumes goes on behind what is stored, and does not count what was received', async () => {
    set();
    const first = await stage.accepted({ session_id: 'one' });
    first.send(audio(1_000), audio(1_000));
    stage.recognizer.stream.say(span('hello', 0, 1_200));
    await settled();
    first.vanish();
    await settled();
    const back = await stage.accepted({ session_id: 'one', resume: true });
    expect(back.of('handshake_ack')).toMatchObject([{ resume_from_ms: 1_200, session_from_ms: 0 }]);
    expect(await stage.said()).toEqual(['live', '“hello”', 'recovered']);
  });

  test('who resumes a session that the log does not know is told so by the missing field', async () => {
    set();
    await stage.store.cover(meeting, known);
    const sender = await stage.accepted({ session_id: 'one', resume: true });
    const [answer] = sender.of('handshake_ack');
    expect(answer).toMatchObject({ resume_from_ms: 2_000 });
    expect(answer).not.toHaveProperty('session_from_ms');
  });

  test.each([
    ['was heard', 'one', 1_000, 'recovered'],
    ['is another one', 'two', 1_000, 'live'],
    ['was let in and never heard', 'one', 0, 'live'],
  ] as const)('to resume if known, when the session %s', async (_when, before, heardMs, status) => {
    set();
    const first = await stage.accepted({ session_id: before });
    if (heardMs > 0) stage.recognizer.stream.say(span('hello', 0, heardMs));
    first.send(audio(1_000));
    await settled();
    first.send({ type: 'close' });
    await settled();
    if (heardMs === 0) await stage.store.forget(meeting);
    const back = await stage.accepted({ session_id: 'one', resume_if_known: true });
    expect(back.of('status').map((message) => message.status)).toEqual([status]);
  });

  test('what a dead node had received of the source is told before the newcomer begins', async () => {
    set({ registry: afterDeadNode() });
    const { event } = await stage.store.append(meeting, finalEntry(1, { text: 'hello' }), { reach: known });
    expect(event.seq).toBe(1);
    stage.recognizer.openings.push(new RecognizerError('not now', { retryable: true }));
    const refused = await stage.sender();
    refused.send(handshakeOf());
    await settled();
    expectRefused(refused, 4010, 'recognizer_unavailable');
    // It has said what is missing: nobody says it again.
    expect(await stage.said()).toEqual(['“hello”', 'gap 2000–3000 hub_failed', 'idle']);
    const newcomer = await stage.accepted();
    expect(newcomer.of('handshake_ack')).toMatchObject([{ resume_from_ms: 3_000 }]);
    expect(await stage.said()).toEqual(['“hello”', 'gap 2000–3000 hub_failed', 'idle', 'live']);
    stage.expectedErrors = ['ingest: not now'];
  });

  test('a newcomer says it itself if nobody has', async () => {
    set({ registry: afterDeadNode() });
    await stage.store.append(meeting, statusEntry('live'), { reach: known });
    const newcomer = await stage.accepted();
    expect(await stage.said()).toEqual(['live', 'gap 2000–3000 hub_failed', 'live']);
    // It is not of its own audio.
    expect(newcomer.messages.map(({ type }) => type)).toEqual(['handshake_ack', 'status']);
  });

  test('a newcomer that leaves before its place is found says it once', async () => {
    const looked = gate();
    const held = memoryStore();
    const cover: Store['cover'] = async (...args) => {
      await looked.passed;
      return held.cover(...args);
    };
    set({ registry: afterDeadNode(), store: storeWith(held, { cover }) });
    await stage.store.append(meeting, statusEntry('live'), { reach: known });
    const newcomer = await stage.sender();
    newcomer.send(handshakeOf());
    await settled();
    newcomer.vanish();
    await settled();
    looked.open();
    await settled();
    expect(await stage.said()).toEqual(['live', 'gap 2000–3000 hub_failed', 'idle']);
    expect(await stage.claims()).toEqual(free);
  });
});

describe('who has to go while its place is looked for', () => {
  test('a second handshake is one too many, then and later', async () => {
    set();
    const sender = await stage.sender();
    sender.send(handshakeOf(), handshakeOf());
    const later = await stage.accepted({ source: 'system' });
    later.send(handshakeOf({ source: 'system' }));
    await settled();
    expectClosed(sender, 4007, 'bad_message');
    expectClosed(later, 4007, 'bad_message');
    expect(await stage.claims()).toEqual({ sent: [], vacant: ['system'] });
    expect(await stage.said()).toEqual(['live']);
  });

  test('`close` in one breath with the handshake ends it at once', async () => {
    set();
    const sender = await stage.sender();
    sender.send(handshakeOf(), { type: 'close' });
    await settled();
    expect(sender.closed).toEqual({ code: 1000, reason: 'done' });
    expect(await stage.claims()).toEqual(free);
    expect(await stage.said()).toEqual([]);
  });

  test('who has to go and takes its time is not let in any more', async () => {
    set();
    const opened = gate();
    stage.recognizer.openings.push(opened.passed);
    const sender = await stage.sender('', 'ann/1');
    sender.send(handshakeOf());
    sender.answersClose = false;
    await pass(60_000);
    expect(sender.closed?.code).toBe(4005);
    opened.open();
    await settled();
    expect(sender.isGone).toBe(false);
    expect(stage.recognizer.stream.isAborted).toBe(true);
    expect(await stage.claims()).toEqual(free);
    expect(await stage.said()).toEqual([]);
    await pass(5_000);
    expect(sender.isGone).toBe(true);
  });

  test('a sender with a name that waits for a source, and has to go, does not answer any more', async () => {
    set();
    const first = await stage.accepted();
    stage.recognizer.stream.hangs = true;
    first.send({ type: 'close' });
    await settled();
    const second = await stage.sender('', 'ann/0.05');
    second.answersClose = false;
    second.send(handshakeOf({ session_id: 'two' }));
    await pass(3_000);
    expect(second.closed?.code).toBe(4005);
    stage.recognizer.stream.end();
    await pass(1_000);
    expect(await stage.claims()).toEqual(free);
    expect(await stage.said()).toEqual(['live', 'idle']);
  });
});
