/** A viewer's link: slow, and, in every state, silent, gone, or used for what it is not for. */
import { describe, expect, test } from 'vitest';
import { envelopeOf, finalMessage, partialMessage } from '../support/entries.ts';
import { pass, settled } from '../support/fake-clock.ts';
import { holdingStore } from '../support/holding-store.ts';
import { expectClosed, meeting, type StageOptions, set, stage, type ViewerEnd } from '../support/stage.ts';
import { keep, large, partials, passing, say, seated, seqs } from '../support/viewers.ts';

describe('a slow link', () => {
  /** A viewer that is live and reads nothing, though so much was sent to it. */
  async function slow(limits: StageOptions['limits'] = {}): Promise<ViewerEnd> {
    set({ limits: { softUnsentBytes: 16_384, ...limits } });
    const viewer = await stage.viewer();
    viewer.pause();
    await say(stage, 1, large);
    return viewer;
  }

  async function show(segmentNo: number, text: string, source: 'mic' | 'system' = 'mic'): Promise<void> {
    await stage.bus.publish(meeting, envelopeOf(partialMessage(segmentNo, text, source)));
    await settled();
  }

  test('gets the newest partial of each source when it is free', async () => {
    const viewer = await slow();
    for (const text of ['a', 'b', 'c']) await show(2, text);
    for (const text of ['d', 'e']) await show(3, text, 'system');
    viewer.resume();
    await settled();
    expect(partials(viewer)).toEqual(['c', 'e']);
    await show(2, 'c f');
    expect(partials(viewer)).toEqual(['c', 'e', 'c f']);
  });

  test('is not told of words that were final in the same turn', async () => {
    const viewer = await slow();
    await stage.bus.publish(meeting, envelopeOf(partialMessage(2, 'held')));
    await say(stage, 1);
    viewer.resume();
    await settled();
    expect(partials(viewer)).toEqual([]);
    expect(seqs(viewer)).toEqual([1, 2]);
  });

  test('gets every entry; a partial does not follow its own final', async () => {
    const viewer = await slow();
    await show(2, 'held');
    await show(3, 'still so', 'system');
    await say(stage, 1);
    viewer.resume();
    await settled();
    expect(seqs(viewer)).toEqual([1, 2]);
    expect(partials(viewer)).toEqual(['still so']);
  });

  test('nor is one shown that was taken back meanwhile', async () => {
    const viewer = await slow();
    await show(2, 'a secret');
    await stage.hub.meeting(meeting).retract({ startMs: 0, endMs: 10_000 });
    viewer.resume();
    await settled();
    expect(partials(viewer)).toEqual([]);
  });

  test('is not told of what passes and belongs to nobody', async () => {
    const viewer = await slow();
    await stage.bus.publish(meeting, envelopeOf(passing));
    await settled();
    viewer.resume();
    await settled();
    expect(viewer.of('status')).toEqual([]);
  });

  test('a newer partial goes before what was held, once there is room for it', async () => {
    const viewer = await slow();
    await say(stage, 1);
    await show(3, 'held');
    viewer.step(); // The large one is gone, the small one is not: below the bound, and no drain.
    await show(3, 'newer');
    await stage.bus.publish(meeting, envelopeOf(passing));
    await settled();
    viewer.resume();
    await settled();
    expect(partials(viewer)).toEqual(['newer']);
    expect(viewer.of('status')).toHaveLength(1);
  });

  test('past the hard bound it is closed with 4008, and gets what was sent until then', async () => {
    const viewer = await slow({ hardUnsentBytes: 50_000 });
    await say(stage, 5, large);
    viewer.resume();
    await settled();
    expectClosed(viewer, 4008, 'slow_consumer');
    expect(seqs(viewer)).toEqual([1, 2, 3]);
    expect(await seated(stage)).toBe(0);
  });

  test('that has a hole is repaired too', async () => {
    const viewer = await slow();
    await keep(stage, 1);
    await say(stage, 1);
    expect(stage.steps('subscriber').at(-1)).toBe('live');
    viewer.resume();
    await settled();
    expect(seqs(viewer)).toEqual([1, 2, 3]);
  });

  test('that becomes free while its viewer catches up says nothing twice', async () => {
    const { store, hold, letGo } = holdingStore();
    set({ store, limits: { softUnsentBytes: 16_384 } });
    const viewer = await stage.viewer();
    viewer.pause();
    await say(stage, 1, large);
    await show(5, 'held');
    await keep(stage, 1);
    hold('read');
    const { epoch } = await stage.store.inner.head(meeting);
    await stage.bus.publish(meeting, envelopeOf(finalMessage(3, 3, 'mic', epoch)));
    await settled();
    expect(stage.steps('subscriber').at(-1)).toBe('catching-up');
    viewer.resume();
    await settled();
    expect(partials(viewer)).toEqual([]);
    await letGo();
    expect(seqs(viewer)).toEqual([1, 2]);
    expect(partials(viewer)).toEqual(['held']);
  });
});

describe('in every state', () => {
  /** What a viewer waits for, and how that is let go. */
  const states = ['joining', 'catching-up', 'live'] as const;

  async function viewerIn(
    state: (typeof states)[number],
    limits: StageOptions['limits'] = {},
    token = 'ann',
  ) {
    const held = holdingStore();
    set({ store: held.store, limits });
    await say(stage, 1);
    if (state === 'joining') held.hold('head');
    if (state === 'catching-up') held.hold('read');
    const viewer = await stage.viewer('', token);
    expect(stage.steps('subscriber').at(-1)).toBe(state);
    return { viewer, letGo: held.letGo };
  }

  test.each(states)('%s: the socket is gone, and nothing is left', async (state) => {
    const { viewer, letGo } = await viewerIn(state);
    viewer.vanish();
    await settled();
    expect(await seated(stage)).toBe(0);
    expect(stage.steps('subscriber').at(-1)).toBe('closed');
    await letGo();
    expect(stage.steps('subscriber').filter((name) => name === 'closed')).toHaveLength(1);
  });

  test.each(states)('%s: the hub closes; 1012, after its seat is free', async (state) => {
    const { viewer, letGo } = await viewerIn(state, { closeSpreadMs: 1 });
    const closing = stage.hub.close();
    await pass(1_000);
    expect(viewer.closed).toEqual({ code: 1012, reason: 'restart' });
    expect(viewer.of('error')).toMatchObject([{ code: 'restart', retryable: true }]);
    await letGo();
    await pass(20_000);
    await closing;
    expect(stage.steps('subscriber').filter((name) => name === 'closed')).toHaveLength(1);
  });

  test.each(states)('%s: pings are answered', async (state) => {
    const { viewer, letGo } = await viewerIn(state);
    viewer.send('ping', { type: 'ping' });
    await settled();
    expect(viewer.received.slice(-2)).toEqual(['pong', { type: 'pong' }]);
    await letGo();
  });

  test.each(states)('%s: a fresh token is answered, though never before `connected`', async (state) => {
    const { viewer, letGo } = await viewerIn(state);
    viewer.send({ type: 'auth', token: 'ann/60' });
    await settled();
    await letGo();
    expect(viewer.messages.map(({ type }) => type)[0]).toBe('connected');
    expect(viewer.of('auth_ok')).toEqual([{ type: 'auth_ok', expires_at: '2026-03-02T10:00:00.000Z' }]);
  });

  describe.each(states)('%s:', (state) => {
    test.each([
      ['no JSON', '{'],
      ['a sender’s message', { type: 'handshake', source: 'mic' }],
      ['audio', new Uint8Array(4)],
    ])('%s ends it with 4007', async (_what, message) => {
      const { viewer, letGo } = await viewerIn(state);
      viewer.send(message);
      await settled();
      expectClosed(viewer, 4007, 'bad_message');
      expect(await seated(stage)).toBe(0);
      await letGo();
    });
  });

  test.each(states)('%s: too many messages end it with 1008', async (state) => {
    const { viewer, letGo } = await viewerIn(state, { subscriberMessagesPerSecond: 5 });
    viewer.send(...Array.from({ length: 10 }, () => 'ping'));
    await pass(200);
    viewer.send('ping', 'ping');
    await settled();
    expectClosed(viewer, 1008, 'policy');
    expect(viewer.received.filter((message) => message === 'pong')).toHaveLength(11);
    await letGo();
  });

  test.each(states)(
    '%s: a token that runs out ends it with 4005, once it was told `connected`',
    async (state) => {
      const { viewer, letGo } = await viewerIn(state, { tokenWarningMs: 30_000 }, 'ann/1');
      await pass(30_000);
      await pass(30_000);
      await settled();
      if (state === 'joining') expect(viewer.received).toEqual([]);
      else expect(viewer.of('status')).toMatchObject([{ status: 'token_expiring' }]);
      await letGo();
      expectClosed(viewer, 4005, 'token_expired');
      expect(viewer.messages[0]?.type).toBe('connected');
      expect(await seated(stage)).toBe(0);
    },
  );

  test.each(states)('%s: a link that is silent for two heartbeats is ended', async (state) => {
    const { viewer, letGo } = await viewerIn(state, { heartbeatMs: 1_000 });
    viewer.answerPings(false);
    await pass(3_000);
    expect(viewer.isGone).toBe(true);
    expect(viewer.closed).toBeUndefined();
    expect(await seated(stage)).toBe(0);
    await letGo();
  });
});
