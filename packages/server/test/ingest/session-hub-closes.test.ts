/** Senders whose hub closes, in each of their states, and those who were at the door when the last of a meeting's sources was given up. */
import { describe, expect, test } from 'vitest';
import { memoryRegistry } from '../../src/registry/memory.ts';
import type { AudioNote, Registry } from '../../src/registry/registry.ts';
import { statusEntry } from '../support/entries.ts';
import { pass, settled } from '../support/fake-clock.ts';
import {
  done,
  finalize,
  gone,
  graceMs,
  halfHeard,
  heard,
  registryOf,
  restart,
  sayRest,
} from '../support/heard.ts';
import {
  audio,
  expectClosed,
  free,
  gate,
  handshakeOf,
  meeting,
  registryWith,
  type SenderEnd,
  set,
  stage,
} from '../support/stage.ts';

/** A registry that is slow to be given a claim back. */
const givenBackAfter = ({ passed }: ReturnType<typeof gate>): Registry =>
  registryOf((claim) => ({
    release: async (how) => {
      await passed;
      return claim.release(how);
    },
  }));

describe('the hub closes', () => {
  /** Resolves when the hub has closed; time goes on meanwhile. */
  async function closed(closing: Promise<void>): Promise<void> {
    await pass(40_000);
    await closing;
  }

  test('no audio is taken any more; the last words are stored, then 1012', async () => {
    set();
    const { sender, stream } = await halfHeard(stage, { session_id: 'one' });
    const closing = stage.hub.close();
    await settled();
    expect(stream.isFinished).toBe(true);
    sender.send(audio(500));
    await settled();
    expect(sender.closed).toBeUndefined();
    sayRest(stream);
    await settled();
    expect(sender.closed).toEqual(restart);
    expect(sender.of('error')).toMatchObject([{ code: 'restart', retryable: true }]);
    expect(stream.bytes).toBe(1_000 * 32);
    // It goes on elsewhere: the word at its end is still its own.
    expect(await stage.said()).toEqual(['live', '“hello”', '“so it”', 'idle']);
    expect(await stage.claims()).toEqual(free);
    await closed(closing);
  });

  test('a sender without a name cannot send it again: every word is said', async () => {
    set();
    const { stream } = await halfHeard(stage);
    const closing = stage.hub.close();
    sayRest(stream);
    await closed(closing);
    expect(await stage.said()).toEqual(['live', '“hello”', '“so it”', '“is”', 'idle']);
  });

  test('two sources: the meeting idles with the last one', async () => {
    set();
    await heard(stage);
    await stage.accepted({ source: 'system' });
    await closed(stage.hub.close());
    expect(await stage.said()).toEqual(['live', '“hello”', 'live', 'idle']);
  });

  test('who has finalized is heard out, and told that all is stored', async () => {
    set();
    const { sender, stream } = await halfHeard(stage);
    sender.send(finalize);
    await settled();
    const closing = stage.hub.close();
    await settled();
    sayRest(stream);
    await closed(closing);
    expect(sender.closed).toEqual(done);
    expect((await stage.said()).at(-1)).toBe('ended');
  });

  test('who is waited for is given up at once', async () => {
    set();
    const sender = await heard(stage);
    sender.vanish();
    await settled();
    await closed(stage.hub.close());
    expect(await stage.said()).toEqual(['live', '“hello”', 'idle']);
  });

  test('in every earlier state: the claim is given back, then 1012', async () => {
    const claimed = gate();
    const registry = registryWith(async (inner, at, source, ...more) => {
      if (source === 'system') await claimed.passed;
      return inner.claim(at, source, ...more);
    });
    set({ registry });
    const waiting = await stage.sender();
    const claiming = await stage.sender();
    claiming.send(handshakeOf({ source: 'system' }));
    const opened = gate();
    stage.recognizer.openings.push(opened.passed);
    const opening = await stage.sender();
    opening.send(handshakeOf());
    await settled();
    const closing = stage.hub.close();
    await settled();
    for (const sender of [waiting, claiming, opening]) expect(sender.closed).toEqual(restart);
    expect(await stage.claims()).toEqual(free);
    claimed.open();
    opened.open();
    await closed(closing);
    expect(await stage.claims()).toEqual(free);
    expect(stage.recognizer.stream.isAborted).toBe(true);
    expect(await stage.said()).toEqual([]);
    // The claim that came so late is free again, but whether its meeting idles by that nobody can say any more.
    stage.expectedErrors = ['ingest: The hub shut down before the entry could be stored.'];
  });

  test('the claim is free before the sender is told', async () => {
    const released = gate();
    const registry = givenBackAfter(released);
    set({ registry });
    const sender = await heard(stage);
    const closing = stage.hub.close();
    await pass(5_000);
    expect(sender.closed).toBeUndefined();
    released.open();
    await settled();
    expect(sender.closed).toEqual(restart);
    await closed(closing);
  });

  test('for who has stopped already, and whose claim is being given back, nothing changes', async () => {
    const released = gate();
    const registry = givenBackAfter(released);
    set({ registry });
    const sender = await stage.accepted({ session_id: 'one' });
    const back = await stage.accepted({ session_id: 'one', resume: true });
    expectClosed(sender, 4009, 'superseded');
    const closing = stage.hub.close();
    await settled();
    released.open();
    await closed(closing);
    expect(back.closed).toEqual(restart);
  });

  describe('at its deadline it waits no longer', () => {
    test.each([
      ['finalized', (sender: SenderEnd) => sender.send(finalize)],
      ['vanished', (sender: SenderEnd) => sender.vanish()],
      ['sends', () => {}],
    ])('for who %s and cannot send it again: what was not heard is missing', async (how, leave) => {
      set({ limits: { closeDeadlineMs: 1_000 } });
      const { sender, stream } = await halfHeard(stage);
      leave(sender);
      await settled();
      const closing = stage.hub.close();
      await pass(999);
      expect(stream.isAborted).toBe(false);
      await pass(1);
      await settled();
      expect(stream.isAborted).toBe(true);
      expect(await stage.claims()).toEqual(free);
      expect(await stage.said()).toEqual(['live', '“hello”', 'gap 400–1000 recognizer_unavailable']);
      if (how !== 'vanished') expect(sender.closed).toEqual(restart);
      await closed(closing);
    });

    test('and still the claim is free before the sender is told', async () => {
      const released = gate();
      const registry = givenBackAfter(released);
      set({ registry, limits: { closeDeadlineMs: 1_000 } });
      const { sender } = await halfHeard(stage, { session_id: 'one' });
      const closing = stage.hub.close();
      await pass(1_500);
      expect(sender.closed).toBeUndefined();
      released.open();
      await settled();
      expect(sender.closed).toEqual(restart);
      await closed(closing);
    });

    test('for who can: it is still its own', async () => {
      set({ limits: { closeDeadlineMs: 1_000 } });
      const { sender } = await halfHeard(stage, { session_id: 'one' });
      const closing = stage.hub.close();
      await pass(1_000);
      await settled();
      expect(sender.closed).toEqual(restart);
      expect(await stage.claims()).toEqual(free);
      expect(await stage.said()).toEqual(['live', '“hello”']);
      await closed(closing);
    });

    test('for a store that is away: what waits for it is given up, and said', async () => {
      set({ limits: { closeDeadlineMs: 1_000 } });
      const { sender, stream } = await halfHeard(stage);
      stage.store.condition = 'away';
      const closing = stage.hub.close();
      sayRest(stream);
      await pass(10_000);
      expect(sender.closed).toEqual(restart);
      await closed(closing);
      expect(await stage.claims()).toEqual(free);
      expect(await stage.said()).toEqual(['live', '“hello”']);
      expect(stage.errors().some((error) => error.includes('lost: the hub shut down'))).toBe(true);
      stage.expectedErrors = stage.errors();
    });
  });

  test('a recognizer that fails over the last words: 1012 all the same', async () => {
    set();
    const { sender, stream } = await halfHeard(stage);
    const closing = stage.hub.close();
    await settled();
    stream.fail(gone);
    await settled();
    expect(sender.closed).toEqual(restart);
    expect(await stage.claims()).toEqual(free);
    expect(await stage.said()).toEqual(['live', '“hello”', 'gap 400–1000 recognizer_unavailable']);
    await closed(closing);
    stage.expectedErrors = ['ingest: it is gone'];
  });
});

describe('who was at the door when the last source was given up', () => {
  test.each([
    ['vanished', (sender: SenderEnd) => sender.vanish()],
    ['finalized', (sender: SenderEnd) => sender.send(finalize)],
  ])('and is refused says that the meeting idles (the other one %s)', async (_how, leave) => {
    set();
    const sender = await heard(stage);
    const opened = gate();
    stage.recognizer.openings.push(opened.passed.then(() => Promise.reject(gone)));
    const door = await stage.sender();
    door.send(handshakeOf({ source: 'system' }));
    await settled();
    leave(sender);
    await pass(graceMs);
    // The one at the door holds a claim: the meeting may go on with it.
    expect(await stage.said()).toEqual(['live', '“hello”']);
    opened.open();
    await settled();
    expect(door.closed?.code).toBe(4010);
    expect(await stage.said()).toEqual(['live', '“hello”', 'idle']);
    stage.expectedErrors = ['ingest: it is gone'];
  });

  test('and is refused says that the meeting has ended, if the last one did', async () => {
    const registry = registryOf((claim) => ({
      release: async (how) => {
        const what = await claim.release(how);
        return what === 'idle' ? 'ended' : what; // As a registry that remembers who has finalized.
      },
    }));
    set({ registry });
    await stage.store.append(meeting, statusEntry('live'));
    stage.recognizer.openings.push(gone);
    const door = await stage.sender();
    door.send(handshakeOf({ source: 'system' }));
    await settled();
    expect(await stage.entries()).toMatchObject([
      { status: 'live' },
      { status: 'ended', details: { source: 'system', last_seq: 1, coverage: {} } },
    ]);
    stage.expectedErrors = ['ingest: it is gone'];
  });

  test('says nothing if it was to take the place of one that is still waited for', async () => {
    set();
    const sender = await heard(stage);
    sender.vanish();
    await settled();
    stage.recognizer.openings.push(gone);
    const door = await stage.sender();
    door.send(handshakeOf());
    await pass(1_000);
    expect(door.closed?.code).toBe(4010);
    expect(await stage.claims()).toEqual(free);
    expect(await stage.said()).toEqual(['live', '“hello”']);
    await pass(graceMs);
    expect(await stage.said()).toEqual(['live', '“hello”', 'idle']);
    stage.expectedErrors = ['ingest: it is gone'];
  });

  test('says nothing while a source is waited for', async () => {
    set();
    const sender = await heard(stage);
    sender.vanish();
    await settled();
    stage.recognizer.openings.push(gone);
    const door = await stage.sender();
    door.send(handshakeOf({ source: 'system' }));
    await settled();
    expect(door.closed?.code).toBe(4010);
    expect(await stage.said()).toEqual(['live', '“hello”']);
    await pass(graceMs);
    expect(await stage.said()).toEqual(['live', '“hello”', 'idle']);
    stage.expectedErrors = ['ingest: it is gone'];
  });

  test('nor of a meeting in which the host alone has spoken and said how it is', async () => {
    set();
    await stage.hub.meeting(meeting).status('ended', 'that was all');
    stage.recognizer.openings.push(gone);
    const door = await stage.sender();
    door.send(handshakeOf());
    await settled();
    expect(await stage.said()).toEqual(['ended']);
    stage.expectedErrors = ['ingest: it is gone'];
  });

  test('whose source a dead node had, and whose registry fails then, gives its claim back', async () => {
    const inner = memoryRegistry();
    let elsewhere: AudioNote[] | undefined = [];
    const registry: Registry = {
      ...inner,
      async counts(of) {
        if (!elsewhere) throw new Error('the registry is away');
        return { ...(await inner.counts(of)), elsewhere };
      },
      async claim(...args) {
        const claim = await inner.claim(...args);
        return claim.kind === 'held' ? claim : { ...claim, wasOrphaned: true };
      },
    };
    set({ registry });
    stage.recognizer.openings.push(gone);
    const door = await stage.sender();
    elsewhere = undefined;
    door.send(handshakeOf());
    await settled();
    expect(door.closed?.code).toBe(4010);
    elsewhere = [];
    expect(await stage.claims()).toEqual(free);
    stage.expectedErrors = ['ingest: it is gone', 'ingest: the registry is away'];
  });
});
