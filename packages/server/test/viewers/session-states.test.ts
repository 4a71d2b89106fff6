/**
 * A viewer from joining to live, over a socket in memory and on a fake clock. Its link, and what it meets in every state, is
 * in subscriber-session-link.test.ts.
 *
 *   joining ──▶ catching-up ⇄ live
 *      └────────────┴──────────┴──▶ closed
 *
 * | state       | on                                                | then                                                |
 * |-------------|---------------------------------------------------|-----------------------------------------------------|
 * | joining     | a seat, a room, the log's head                    | `connected`, catching-up                            |
 * |             | no seat is free                                   | 4003                                                |
 * |             | the registry or the bus fails                     | 1011                                                |
 * |             | the store is away                                 | asks again; after its patience 1011                 |
 * | catching-up | a page                                            | the next one, once the link has taken it            |
 * |             | the end, and nothing was announced meanwhile      | live                                                |
 * |             | the store is away                                 | asks again; partials are shown                      |
 * |             | a page of another log                             | 1012                                                |
 * | live        | the next entries, partials                        | goes on                                             |
 * |             | a hole, an entry that nobody announced            | catching-up                                         |
 * |             | an entry of another log, or the log is forgotten  | 1012                                                |
 * |             | its link is slow                                  | the newest partials only; 4008                      |
 * | every one   | anything but pings and tokens, too much of them   | 4007, 1008                                          |
 * |             | the token runs out                                | 4005, once it was told `connected`                  |
 * |             | the hub closes, the socket is gone                | closed: the seat and the place in the room are free |
 */
import { describe, expect, test } from 'vitest';
import { memoryBus } from '../../src/bus/memory.ts';
import type { RemoteState } from '../../src/lib/remote.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { envelopeOf, finalEntry, finalMessage, partialMessage, statusMessage } from '../support/entries.ts';
import { pass, settled } from '../support/fake-clock.ts';
import { holdingStore } from '../support/holding-store.ts';
import { upTo } from '../support/hub.ts';
import { expectClosed, gate, meeting, set, stage } from '../support/stage.ts';
import { storeWith } from '../support/store-with.ts';
import { keep, large, partials, passing, say, seated, segment, seqs } from '../support/viewers.ts';

const away = ['subscriber: the store is away'];
/** A registry that gives seats in its own way. */
function registryOf(
  seat: (inner: Registry, ...args: Parameters<Registry['seat']>) => ReturnType<Registry['seat']>,
) {
  const inner = memoryRegistry();
  const registry: Registry = { ...inner, seat: (...args) => seat(inner, ...args) };
  return registry;
}

describe('joining', () => {
  test('it is told where the log ends, then what it missed, and then it is live', async () => {
    set();
    await say(stage, 2);
    const { epoch } = await stage.store.head(meeting);
    const viewer = await stage.viewer();
    const [connected, ...missed] = viewer.messages;
    expect(connected).toEqual({
      type: 'connected',
      meeting_id: 'm',
      message: 'Watching m.',
      connection_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      epoch,
      seq: 2,
      recovered: null,
      heartbeat_ms: 1_000_000,
    });
    expect(missed).toEqual(await stage.entries());
    expect(stage.steps('subscriber')).toEqual(['joining', 'catching-up', 'live']);
    expect(await seated(stage)).toBe(1);
  });

  test.each([
    ['', [1, 2, 3], null],
    ['history=none', [], null],
    ['since=1', [2, 3], true],
    ['since=4', [], false],
    ['since=1&epoch=another', [], false],
  ] as const)('where it begins says its address: %s', async (query, missed, recovered) => {
    set();
    await say(stage, 3);
    const viewer = await stage.viewer(query);
    expect(viewer.of('connected')).toMatchObject([{ seq: 3, recovered }]);
    expect(seqs(viewer)).toEqual(missed);
  });

  test('no seat is free: 4003, and it comes in when one is', async () => {
    set({ limits: { subscribersPerMeeting: 1 } });
    const first = await stage.viewer();
    const late = await stage.viewer();
    expectClosed(late, 4003, 'connection_limit');
    expect(late.of('error')[0]?.message).toContain('1 viewers');
    expect(stage.steps('subscriber').slice(3)).toEqual(['joining', 'closed']);
    first.close();
    await settled();
    expect((await stage.viewer()).of('connected')).toHaveLength(1);
  });

  test('a registry that fails: 1011, and it may come back', async () => {
    set({ registry: registryOf(() => Promise.reject(new Error('the registry is away'))) });
    const viewer = await stage.viewer();
    expectClosed(viewer, 1011, 'internal_error');
    expect(viewer.of('error')).toMatchObject([{ retryable: true }]);
    expect(JSON.stringify(viewer.received)).not.toContain('registry');
    stage.expectedErrors = ['subscriber: the registry is away'];
  });

  test('a bus that refuses: 1011, and the next one hears the meeting', async () => {
    let refusals = 1;
    const bus = memoryBus();
    const subscribe: typeof bus.subscribe = async (...args) => {
      if (refusals-- > 0) throw new Error('the bus is away');
      return bus.subscribe(...args);
    };
    set({ bus: { ...bus, subscribe }, limits: { subscribersPerMeeting: 1 } });
    expectClosed(await stage.viewer(), 1011, 'internal_error');
    const viewer = await stage.viewer();
    await say(stage, 1);
    expect(seqs(viewer)).toEqual([1]);
    stage.expectedErrors = ['subscriber: the bus is away'];
  });

  test('a store that is away is asked again for a while', async () => {
    set({ limits: { joinPatienceMs: 5_000 } });
    stage.store.condition = 'away';
    const viewer = await stage.viewer();
    await pass(3_000);
    expect(viewer.received).toEqual([]);
    stage.store.condition = 'well';
    await pass(1_000);
    expect(viewer.of('connected')).toHaveLength(1);
    expect(stage.steps('subscriber').at(-1)).toBe('live');
  });

  test('and not for longer: 1011', async () => {
    set({ limits: { joinPatienceMs: 5_000 } });
    stage.store.condition = 'away';
    const viewer = await stage.viewer();
    await pass(3_900);
    expect(viewer.closed).toBeUndefined();
    await pass(1_100);
    expectClosed(viewer, 1011, 'internal_error');
    expect(await seated(stage)).toBe(0);
    stage.expectedErrors = away;
  });

  test('of a node that is isolated it is told so, after `connected`', async () => {
    let change: (state: RemoteState) => void = () => {};
    const watch = (onChange: typeof change) => {
      change = onChange;
    };
    set({ bus: { ...memoryBus(), remote: { ping: async () => {}, watch } } });
    change('away');
    const viewer = await stage.viewer();
    expect(viewer.messages.map(({ type }) => type)).toEqual(['connected', 'status']);
    expect(viewer.of('status')).toMatchObject([{ status: 'degraded', details: { part: 'redis' } }]);
  });
});

test('what is announced while it joins comes once, in its turn', async () => {
  const { store, hold, letGo } = holdingStore();
  set({ store });
  await say(stage, 1);
  hold('head');
  const viewer = await stage.viewer();
  const said = stage.hub.meeting(meeting).final(segment('more')); // Its number is asked for as well.
  await stage.bus.publish(meeting, envelopeOf(partialMessage(7, 'so far')));
  await settled();
  expect(viewer.received).toEqual([]);
  await letGo();
  await said;
  await settled();
  expect(viewer.of('connected')).toMatchObject([{ seq: 1 }]);
  expect(seqs(viewer)).toEqual([1, 2]);
  expect(partials(viewer)).toEqual(['so far']);
});

describe('who leaves while it joins', () => {
  test('before it has its seat: the seat is given back when it comes', async () => {
    const given = gate();
    const registry = registryOf(async (inner, ...args) => {
      const seat = await inner.seat(...args);
      await given.passed;
      return seat;
    });
    set({ registry });
    const viewer = await stage.viewer();
    viewer.vanish();
    await settled();
    expect(await seated(stage)).toBe(1);
    given.open();
    await settled();
    expect(await seated(stage)).toBe(0);
    expect(stage.steps('subscriber')).toEqual(['joining', 'closed']);
  });

  test('before it is in the room: the room is empty again', async () => {
    const subscribed = gate();
    const bus = memoryBus();
    let listeners = 0;
    const subscribe: typeof bus.subscribe = async (...args) => {
      await subscribed.passed;
      const stop = await bus.subscribe(...args);
      listeners += 1;
      return async () => {
        listeners -= 1;
        await stop();
      };
    };
    set({ bus: { ...bus, subscribe } });
    const viewer = await stage.viewer();
    viewer.vanish();
    await settled();
    expect(await seated(stage)).toBe(0);
    subscribed.open();
    await settled();
    expect(listeners).toBe(0);
    expect(viewer.received).toEqual([]);
  });

  test.each(['answers', 'fails'])('before the store %s: nothing is said to it', async (how) => {
    const { store, hold, letGo } = holdingStore();
    set({ store });
    if (how === 'answers') hold('head');
    else stage.store.condition = 'away';
    const viewer = await stage.viewer();
    viewer.vanish();
    await settled();
    expect(await seated(stage)).toBe(0);
    stage.store.condition = 'well';
    await letGo();
    await pass(20_000);
    expect(viewer.received).toEqual([]);
    expect(stage.steps('subscriber')).toEqual(['joining', 'closed']);
  });

  test('before the store fails for good: nobody is told of it', async () => {
    const asked = gate();
    const inner = memoryStore();
    const head: Store['head'] = () => asked.passed.then(() => Promise.reject(new Error('the store is away')));
    set({ store: storeWith(inner, { head }), limits: { joinPatienceMs: 1 } });
    const viewer = await stage.viewer();
    viewer.vanish();
    await settled();
    asked.open();
    await settled();
    expect(stage.steps('subscriber')).toEqual(['joining', 'closed']);
  });

  test('and whose seat cannot be given back: that is reported', async () => {
    const registry = registryOf(async (inner, ...args) => {
      const seat = await inner.seat(...args);
      if (seat.kind === 'full') return seat;
      const release = async () => {
        await seat.release();
        throw new Error('the registry is away');
      };
      return { ...seat, release };
    });
    set({ registry });
    const viewer = await stage.viewer();
    viewer.vanish();
    await settled();
    stage.expectedErrors = ['subscriber: the registry is away'];
  });
});

describe('catching up', () => {
  test('entries that are announced while a page is on its way come once, and in order', async () => {
    const { store, hold, letGo } = holdingStore();
    set({ store, limits: { pageEntries: 2 } });
    await say(stage, 3);
    hold('read');
    const viewer = await stage.viewer();
    expect(viewer.of('connected')).toMatchObject([{ seq: 3 }]);
    expect(seqs(viewer)).toEqual([]);
    await say(stage, 2);
    expect(seqs(viewer)).toEqual([]);
    await letGo();
    expect(seqs(viewer)).toEqual(upTo(5));
    await say(stage, 1);
    expect(seqs(viewer)).toEqual(upTo(6));
  });

  test('an entry that is announced while a page is on its way that does not have it is not missed', async () => {
    const { store, hold, letGo } = holdingStore();
    set({ store });
    await say(stage, 2);
    await stage.viewer(); // The room knows already what it has to know of the log.
    hold('read');
    const viewer = await stage.viewer('since=2');
    await say(stage, 1);
    expect(stage.steps('subscriber').at(-1)).toBe('catching-up');
    await letGo();
    expect(seqs(viewer)).toEqual([3]);
  });

  test('an announcement beyond the log is not waited for', async () => {
    const { store, calls } = holdingStore();
    set({ store });
    await say(stage, 1);
    const viewer = await stage.viewer();
    const { epoch } = await stage.store.head(meeting);
    const before = calls.read;
    await stage.bus.publish(meeting, envelopeOf(statusMessage(50, epoch)));
    await settled();
    expect(calls.read - before).toBe(1);
    expect(stage.steps('subscriber').slice(2)).toEqual(['live', 'catching-up', 'live']);
    await say(stage, 1);
    expect(seqs(viewer)).toEqual([1, 2]);
  });

  test('a page of another log ends it: 1012', async () => {
    const { store, hold, letGo } = holdingStore();
    set({ store, limits: { pageEntries: 2 } });
    await say(stage, 3);
    hold('head');
    const viewer = await stage.viewer();
    await stage.store.inner.forget(meeting);
    await stage.store.inner.append(meeting, finalEntry(1));
    await letGo();
    expectClosed(viewer, 1012, 'restart');
    expect(viewer.messages.map(({ type }) => type)).toEqual(['connected', 'error']);
    expect(await seated(stage)).toBe(0);
  });

  test('a store that is away is asked again for as long as it stays; what is said now is shown', async () => {
    set();
    await say(stage, 2);
    stage.store.weather = () => (stage.steps('subscriber').includes('catching-up') ? 'away' : undefined);
    const viewer = await stage.viewer();
    await stage.bus.publish(meeting, envelopeOf(partialMessage(7, 'so far')));
    await pass(60_000);
    expect(viewer.messages.map(({ type }) => type)).toEqual(['connected', 'transcript.partial']);
    stage.store.weather = () => undefined;
    await pass(1_000);
    expect(seqs(viewer)).toEqual([1, 2]);
    expect(partials(viewer)).toEqual(['so far', 'so far']); // The current one follows what was missed.
    expect(stage.steps('subscriber').at(-1)).toBe('live');
    stage.expectedErrors = away;
  });

  test('what was said when the store went away is shown at once', async () => {
    set();
    await stage.viewer();
    await stage.bus.publish(meeting, envelopeOf(partialMessage(7, 'so far')));
    await settled();
    const before = stage.steps('subscriber').length;
    stage.store.weather = () =>
      stage.steps('subscriber').slice(before).includes('catching-up') ? 'away' : undefined;
    const viewer = await stage.viewer();
    expect(partials(viewer)).toEqual(['so far']);
    stage.store.weather = () => undefined;
    await pass(1_000);
    stage.expectedErrors = away;
  });

  test('how the meeting is doing is shown meanwhile, words so far are not', async () => {
    const { store, hold, letGo } = holdingStore();
    set({ store });
    await say(stage, 1);
    hold('read');
    const viewer = await stage.viewer();
    await stage.bus.publish(meeting, envelopeOf(partialMessage(7, 'so far')));
    await stage.bus.publish(meeting, envelopeOf(passing));
    await settled();
    expect(viewer.messages.map(({ type }) => type)).toEqual(['connected', 'status']);
    await letGo();
    expect(viewer.messages.map(({ type }) => type).slice(2)).toEqual([
      'transcript.final',
      'transcript.partial',
    ]);
  });

  test('who was live before is shown words so far while it repairs a hole, unless they are final by now', async () => {
    const { store, hold, letGo } = holdingStore();
    set({ store });
    const viewer = await stage.viewer();
    await keep(stage, 2);
    hold('read');
    const { epoch } = await stage.store.inner.head(meeting);
    await stage.bus.publish(meeting, envelopeOf(finalMessage(2, 2, 'mic', epoch)));
    await settled();
    expect(stage.steps('subscriber').at(-1)).toBe('catching-up');
    await stage.bus.publish(meeting, envelopeOf(partialMessage(3, 'so far')));
    await settled();
    expect(partials(viewer)).toEqual(['so far']);
    await stage.bus.publish(meeting, envelopeOf(partialMessage(3, 'so far and')));
    await stage.bus.publish(meeting, envelopeOf(finalMessage(3, 3, 'mic', epoch)));
    await settled();
    expect(partials(viewer)).toEqual(['so far']);
    await letGo();
    expect(seqs(viewer)).toEqual([1, 2]);
  });

  test('a slow link is waited for, page by page', async () => {
    const { store, calls } = holdingStore();
    set({ store, limits: { pageEntries: 1, softUnsentBytes: 30_000 } });
    await say(stage, 6, large);
    const joining = stage.viewer();
    stage.clients.at(-1)?.pause();
    const viewer = await joining;
    const before = calls.read;
    await pass(10_000);
    expect(calls.read).toBe(before);
    expect(viewer.stream.writableLength).toBeLessThan(70_000);
    expect(stage.steps('subscriber').at(-1)).toBe('catching-up');
    viewer.resume();
    await settled();
    expect(seqs(viewer)).toEqual(upTo(6));
    expect(stage.steps('subscriber').at(-1)).toBe('live');
  });

  test('on a slow link nothing that passes is added to it', async () => {
    set({ limits: { pageEntries: 1, softUnsentBytes: 30_000 } });
    await say(stage, 6, large);
    const joining = stage.viewer();
    stage.clients.at(-1)?.pause();
    const viewer = await joining;
    const before = viewer.stream.writableLength;
    await stage.bus.publish(meeting, envelopeOf(passing));
    await settled();
    expect(viewer.stream.writableLength).toBe(before);
    viewer.resume();
    await settled();
    expect(viewer.of('status')).toEqual([]);
  });

  test.each(['a page', 'a store that is away', 'a slow link'])(
    'who leaves while it waits for %s is let go',
    async (what) => {
      const { store, hold, letGo } = holdingStore();
      set({ store, limits: { pageEntries: 1, softUnsentBytes: 30_000 } });
      await say(stage, 6, large);
      if (what === 'a page') hold('read');
      if (what === 'a store that is away')
        stage.store.weather = () => (stage.steps('subscriber').includes('catching-up') ? 'away' : undefined);
      const joining = stage.viewer();
      if (what === 'a slow link') stage.clients.at(-1)?.pause();
      const viewer = await joining;
      viewer.vanish();
      await settled();
      expect(await seated(stage)).toBe(0);
      stage.store.weather = () => undefined;
      await letGo();
      await pass(5_000);
      expect(stage.steps('subscriber')).toEqual(['joining', 'catching-up', 'closed']);
      stage.expectedErrors = what === 'a store that is away' ? away : [];
    },
  );
});

describe('live', () => {
  test('every kind of entry and partial comes as it happens', async () => {
    set();
    const viewer = await stage.viewer();
    const host = stage.hub.meeting(meeting);
    await host.status('live', 'it begins');
    await host.partial(segment('so'));
    await host.final(segment('so it is'));
    await host.tip('ask why');
    await host.summary('it was said');
    await settled();
    const kinds = viewer.messages.map(({ type }) => type).slice(1);
    expect(kinds).toEqual(['status', 'transcript.partial', 'transcript.final', 'ai.tip', 'summary']);
    expect(stage.steps('subscriber')).toEqual(['joining', 'catching-up', 'live']);
  });

  test('the current partial of each source follows what a newcomer missed', async () => {
    set();
    await stage.viewer();
    await say(stage, 1);
    await stage.hub.meeting(meeting).partial(segment('here'));
    await stage.hub.meeting(meeting).partial(segment('there', { source: 'system' }));
    await settled();
    const viewer = await stage.viewer();
    expect(viewer.messages.map(({ type }) => type).slice(1)).toEqual([
      'transcript.final',
      'transcript.partial',
      'transcript.partial',
    ]);
  });

  test.each([
    ['one entry whose predecessor was not announced', [3], [1, 2, 3]],
    ['two entries with a hole between them', [1, 3], [1, 2, 3]],
    ['entries in the wrong order', [2, 1, 3], [1, 2, 3]],
    ['an entry twice', [1, 1, 2, 3], [1, 2, 3]],
  ])('%s: what is missing is read', async (_what, announced, told) => {
    set();
    const viewer = await stage.viewer();
    await keep(stage, 3);
    const { epoch } = await stage.store.head(meeting);
    for (const seq of announced)
      await stage.bus.publish(meeting, envelopeOf(finalMessage(seq, seq, 'mic', epoch)));
    await settled();
    expect(seqs(viewer)).toEqual(told);
    await stage.bus.publish(meeting, envelopeOf(finalMessage(2, 2, 'mic', epoch)));
    await settled();
    expect(seqs(viewer)).toEqual(told);
    expect(stage.steps('subscriber').at(-1)).toBe('live');
  });

  test('words that are final in the turn in which a hole is seen are not shown as so far', async () => {
    set();
    const viewer = await stage.viewer();
    await keep(stage, 2);
    const { epoch } = await stage.store.head(meeting);
    await stage.bus.publish(meeting, envelopeOf(partialMessage(2, 'so far')));
    await stage.bus.publish(meeting, envelopeOf(finalMessage(2, 2, 'mic', epoch)));
    await settled();
    expect(seqs(viewer)).toEqual([1, 2]);
    expect(partials(viewer)).toEqual([]);
  });

  test('the last entry before a silence that nobody announced is found', async () => {
    set({ limits: { headCheckMs: 5_000 } });
    const [viewer, other] = [await stage.viewer(), await stage.viewer()];
    await keep(stage, 2);
    await pass(4_999);
    expect(seqs(viewer)).toEqual([]);
    await pass(1);
    for (const each of [viewer, other]) expect(seqs(each)).toEqual([1, 2]);
    await pass(5_000);
    expect(seqs(viewer)).toEqual([1, 2]);
  });

  test('a look at the log finds nothing new, or one who is catching up already', async () => {
    const { store, hold, letGo } = holdingStore();
    set({ store, limits: { headCheckMs: 5_000 } });
    await say(stage, 1);
    hold('read');
    const viewer = await stage.viewer();
    await pass(5_000);
    expect(stage.steps('subscriber')).toEqual(['joining', 'catching-up']);
    await letGo();
    await pass(5_000);
    expect(seqs(viewer)).toEqual([1]);
    expect(stage.steps('subscriber')).toEqual(['joining', 'catching-up', 'live']);
  });

  test('an entry of another log ends it: 1012', async () => {
    set();
    const viewer = await stage.viewer();
    await stage.bus.publish(meeting, envelopeOf(statusMessage(1, 'another')));
    await settled();
    expectClosed(viewer, 1012, 'restart');
  });

  test('a meeting that is forgotten sends its viewers away: 1012, and they come back to an empty one', async () => {
    set({ limits: { headCheckMs: 5_000 } });
    await say(stage, 2);
    const viewer = await stage.viewer();
    await stage.store.inner.forget(meeting);
    await pass(5_000);
    expectClosed(viewer, 1012, 'restart');
    expect((await stage.viewer()).of('connected')).toMatchObject([{ seq: 0 }]);
  });
});

test('the hub closes: its seat is free before it is told to come back', async () => {
  const released = gate();
  const registry = registryOf(async (inner, ...args) => {
    const seat = await inner.seat(...args);
    if (seat.kind === 'full') return seat;
    return { ...seat, release: () => released.passed.then(() => seat.release()) };
  });
  set({ registry, limits: { closeSpreadMs: 1 } });
  const viewer = await stage.viewer();
  const closing = stage.hub.close();
  await pass(500);
  expect(viewer.closed).toBeUndefined();
  released.open();
  await settled();
  expect(viewer.closed?.code).toBe(1012);
  await pass(20_000);
  await closing;
});
