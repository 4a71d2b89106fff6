import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryBus, memoryRegistry, memoryStore, type Store } from '@meetcast/server';
import { postgresStore } from '@meetcast/server/postgres';
import { sqliteStore } from '@meetcast/server/sqlite';
import { describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { finalEntry } from '../../packages/server/test/support/entries.ts';
import { unsteadyStore } from '../../packages/server/test/support/unsteady-store.ts';
import { expectUnbroken, expectWords, speech, wordsIn } from '../support/speech.ts';
import { handshakeOf, startHub, unhurried } from '../support/start-hub.ts';

const done = { code: 1000, reason: 'done' };
const soon = { timeout: 60_000, interval: 5 };

describe('the store is away', () => {
  test('[LOG3] viewers and senders are told once, without a seq, and once when every word is stored', async () => {
    const store = unsteadyStore();
    const stage = await startHub({ store });
    const viewer = await stage.viewer();
    const elsewhere = await stage.viewer({ meeting: 'another' });
    const said = speech(12, 31);
    const sender = await stage.sender();
    const half = Math.floor(said.pcm.length / 4) * 2;
    await sender.say(said.pcm.subarray(0, half));
    await viewer.until('transcript.final');
    store.condition = 'away';
    await sender.say(said.pcm.subarray(half));
    for (const peer of [viewer, sender]) {
      const { seq, message } = await peer.status('degraded');
      expect({ seq, message }).toEqual({
        seq: undefined,
        message: expect.stringContaining('cannot be stored'),
      });
    }
    const wordsSeen = () =>
      viewer.messages.map((message) => ('text' in message ? message.text : '')).join(' ');
    await vi.waitFor(() => expect(wordsSeen()).toContain(said.words.at(-1)), soon);
    store.condition = 'well';
    for (const peer of [viewer, sender])
      expect((await peer.until('status', ({ status, seq }) => status === 'recovered' && !seq)).seq).toBe(
        undefined,
      );
    expect(await sender.finalize()).toEqual(done);
    await viewer.status('ended');
    await expectWords(stage, { mic: said.words }, { viewers: [viewer] });
    for (const peer of [viewer, sender])
      expect(peer.of('status').map(({ status }) => status)).toEqual([
        'live',
        'degraded',
        'recovered',
        'ending',
        'ended',
      ]);
    expect(elsewhere.of('status')).toEqual([]);
  });

  test('[ING15] finalize waits for the store: the words, then ended, then 1000', async () => {
    const store = unsteadyStore();
    const stage = await startHub({ store });
    const viewer = await stage.viewer();
    const said = speech(10, 32);
    const sender = await stage.sender();
    store.condition = 'away';
    await sender.say(said.pcm);
    const closed = sender.finalize();
    await viewer.status('degraded');
    await vi.waitFor(() => expect(stage.simulator.streams[0]?.open).toBe(false), soon);
    expect(sender.of('status').map(({ status }) => status)).not.toContain('ended');
    store.condition = 'well';
    expect(await closed).toEqual(done);
    const ended = await viewer.status('ended');
    expect(ended.details?.last_seq).toBe((ended.seq ?? 0) - 1);
    await expectWords(stage, { mic: said.words }, { viewers: [viewer] });
  });

  test('[ING12] a sender that vanishes meanwhile and comes back goes on after its words, which are said once', async () => {
    const store = unsteadyStore();
    const stage = await startHub({ store });
    const viewer = await stage.viewer();
    const said = speech(20, 33);
    const old = await stage.sender({ session: 'one' });
    store.condition = 'away';
    const half = Math.floor(said.pcm.length / 4) * 2;
    await old.say(said.pcm.subarray(0, half));
    await vi.waitFor(() => expect(stage.simulator.streams[0]?.audioBytes).toBe(half), soon);
    old.vanish();
    const next = await stage.stranger();
    next.send(handshakeOf({ session: 'one', resume: true }));
    await viewer.status('degraded');
    expect(next.of('handshake_ack')).toEqual([]);
    store.condition = 'well';
    const { resume_from_ms: fromMs = Number.NaN } = await next.until('handshake_ack');
    expect(fromMs).toBeGreaterThan(0);
    await next.say(said.pcm.subarray(Math.round(fromMs * 16) * 2));
    expect(await next.finalize()).toEqual(done);
    await viewer.status('ended');
    expect(wordsIn(await stage.transcript(), 'mic')).toEqual(said.words);
    expect(wordsIn(viewer.finals, 'mic')).toEqual(said.words);
    expectUnbroken(viewer);
  });

  test('[SUB4] a viewer who comes meanwhile waits at the door, and is given everything when the store is back', async () => {
    const store = unsteadyStore();
    const stage = await startHub({ store });
    await store.inner.append({ tenant: 'acme', id: 'm' }, finalEntry(1));
    store.condition = 'away';
    const joining = stage.viewer();
    await expect(stage.get('meetings/m/transcript')).resolves.toMatchObject({ status: 500 });
    store.condition = 'well';
    const viewer = await joining;
    await viewer.until('transcript.final');
  });

  test('[SUB4] a live viewer behind a hole stays: words go on showing, and the hole is filled when it can be', async () => {
    const store = unsteadyStore();
    const shared = { bus: memoryBus(), registry: memoryRegistry() };
    const stage = await startHub({ store, ...shared });
    const other = await startHub({ store: store.inner, ...shared });
    const ref = { tenant: 'acme', id: 'm' };
    const viewer = await stage.viewer();
    store.condition = 'away';
    await store.inner.append(ref, finalEntry(1));
    await other.hub.meeting(ref).tip('behind the hole');
    const words = { text: 'still here', startMs: 2_000, endMs: 2_500, segmentNo: 2, source: 'mic' } as const;
    await other.hub.meeting(ref).partial(words);
    await viewer.until('transcript.partial', ({ text }) => text === 'still here');
    expect(viewer.seqs).toEqual([]);
    store.condition = 'well';
    await viewer.until('ai.tip');
    expect(viewer.seqs).toEqual([1, 2]);
  });

  test('[ING9] past its bytes nothing is dropped: sockets wait unread, their recognizers are kept, and all goes on', {
    timeout: 180_000,
  }, async () => {
    const store = unsteadyStore();
    const stage = await startHub({
      store,
      limits: { ...unhurried, outboxBytes: 5_000, heartbeatMs: 500 },
      simulator: { idleTimeoutMs: 7_000 },
    });
    const viewer = await stage.viewer();
    const said = speech(80, 34);
    const sender = await stage.sender();
    store.condition = 'away';
    void sender.say(said.pcm, { everyMs: 10 });
    const received = () => sender.of('ack').at(-1)?.received_ms ?? 0;
    const lastAcks = () =>
      new Set(
        sender
          .of('ack')
          .slice(-9)
          .map(({ received_ms }) => received_ms),
      );
    // Nine acks are nine seconds: longer than a recognizer that is not kept alive stays.
    await vi.waitFor(
      () => {
        expect(sender.of('ack').length).toBeGreaterThan(9);
        expect(lastAcks().size).toBe(1);
      },
      { timeout: 90_000, interval: 100 },
    );
    expect(received()).toBeLessThan(said.ms / 2);
    store.condition = 'well';
    await sender.received(said.ms);
    expect(await sender.finalize()).toEqual(done);
    await viewer.status('ended');
    await expectWords(stage, { mic: said.words }, { viewers: [viewer] });
    expect(stage.simulator.streams).toHaveLength(1);
  });

  test('[LINK4] a closing hub does not wait for ever, says what was not stored, and the sender still has it', async () => {
    const inner = memoryStore();
    const store = unsteadyStore(inner);
    const stage = await startHub({ store, limits: { ...unhurried, closeDeadlineMs: 300 } });
    const viewer = await stage.viewer();
    const said = speech(10, 35);
    const sender = await stage.sender({ session: 'one' });
    store.condition = 'silent';
    await sender.say(said.pcm);
    await viewer.status('degraded');
    const tip = stage.hub.meeting({ tenant: 'acme', id: 'm' }).tip('never kept');
    tip.catch(() => {});
    await stage.hub.close();
    await expect(tip).rejects.toThrow('The hub shut down before');
    expect(await sender.closed).toEqual({ code: 1012, reason: 'restart' });
    expect(await viewer.closed).toEqual({ code: 1012, reason: 'restart' });
    const failures = stage.observed.flatMap((event) => (event.type === 'error' ? [String(event.error)] : []));
    expect(failures).toContainEqual(expect.stringMatching(/^Error: \d+ writes? (was|were) lost/));
    expect(sender.of('ack').at(-1)?.durable_ms ?? 0).toBe(0);

    const other = await startHub({ store: inner });
    const next = await other.sender({ session: 'one', resume: true });
    const { resume_from_ms: fromMs = Number.NaN } = await next.until('handshake_ack');
    await next.say(said.pcm.subarray(Math.round(fromMs * 16) * 2));
    expect(await next.finalize()).toEqual(done);
    expect(wordsIn(await other.transcript(), 'mic')).toEqual(said.words);
  });
});

describe('50 appends at once', () => {
  const stores: [string, () => Store][] = [
    ['memory', memoryStore],
    [
      'SQLite',
      () => {
        const directory = mkdtempSync(join(tmpdir(), 'meetcast-order-'));
        onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
        return sqliteStore({ folder: directory });
      },
    ],
    ['PostgreSQL', () => postgresStore({ url: inject('pgUrl') ?? '' })],
  ];

  test.each(stores)('[LOG1] %s: they keep their order, for viewers and in the log', async (name, open) => {
    if (name === 'PostgreSQL' && !inject('pgUrl')) return;
    const store = open();
    const stage = await startHub({ store });
    onTestFinished(async () => {
      await stage.close();
      await store.close();
    });
    const id = `order-${Date.now().toString(36)}`;
    const viewer = await stage.viewer({ meeting: id });
    const meeting = stage.hub.meeting({ tenant: 'acme', id });
    const numbers = Array.from({ length: 50 }, (_, index) => index + 1);
    expect(await Promise.all(numbers.map((number) => meeting.tip(`tip ${number}`)))).toEqual(numbers);
    await viewer.until('ai.tip', ({ tip }) => tip === 'tip 50');
    expect(viewer.of('ai.tip').map(({ tip }) => tip)).toEqual(numbers.map((number) => `tip ${number}`));
    expect(viewer.seqs).toEqual(numbers);
  });
});
