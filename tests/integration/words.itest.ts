import { publish } from '@meetcast/client';
import type { Source } from '@meetcast/protocol';
import {
  type Bus,
  jwtAuthenticator,
  memoryBus,
  memoryRegistry,
  memoryStore,
  StaleFenceError,
  type Store,
} from '@meetcast/server';
import { interleave, openFaultProxy, speak, toneTiming } from '@meetcast/testing';
import { describe, expect, test, vi } from 'vitest';
import { storeWith } from '../../packages/server/test/support/store-with.ts';
import { Gate } from '../support/adapters.ts';
import type { Sender } from '../support/peer.ts';
import {
  expectSegmentRule,
  expectTimes,
  expectUnbroken,
  expectWords,
  speech,
  wordsIn,
} from '../support/speech.ts';
import { mintToken, type Stage, secret, startHub, unhurried } from '../support/start-hub.ts';

const done = { code: 1000, reason: 'done' };
const soon = { timeout: 30_000, interval: 5 };

/** How much audio the recognizer was given. */
const heardBytes = (stage: Stage) =>
  stage.simulator.streams.reduce((sum, { audioBytes }) => sum + audioBytes, 0);

async function heard(stage: Stage, bytes: number): Promise<void> {
  await vi.waitFor(() => expect(heardBytes(stage)).toBe(bytes), soon);
}

describe('[ING6] words sent are words stored and words seen, once and in order', () => {
  const rates = [8_000, 16_000, 24_000, 44_100, 48_000];
  const formats = rates.flatMap((sampleRate) => [1, 2].map((channels) => ({ sampleRate, channels })));

  test.each(formats)('$sampleRate Hz, $channels channel(s), 20 ms exact [TIME2]', async (format) => {
    const stage = await startHub();
    const viewer = await stage.viewer();
    const said = speech(14, format.sampleRate + format.channels, format);
    const { words, ms } = said;
    const sender = await stage.sender(format);
    await sender.say(said.pcm);
    expect(await sender.finalize()).toEqual(done);
    await viewer.status('ended');
    const finals = await expectWords(stage, { mic: words }, { viewers: [viewer] });
    expectTimes(finals, 'mic', said);
    expect(sender.of('ack').at(-1)?.received_ms).toBe(Math.floor(ms));
    expect(wordsIn(sender.of('transcript.final'), 'mic')).toEqual(words);
    expect(sender.undecodable).toEqual([]);
  });

  test('frames of every size give the same words', async () => {
    const stage = await startHub();
    const { words, pcm } = speech(8, 5);
    for (const frameBytes of [2, 642, 32_768]) {
      const meeting = `frames-${frameBytes}`;
      const sender = await stage.sender({ meeting });
      await sender.say(pcm, { frameBytes });
      expect(await sender.finalize()).toEqual(done);
      await expectWords(stage, { mic: words }, { meeting });
    }
  });

  test('two people on two channels are heard apart, each in order', async () => {
    const stage = await startHub({ recognizerOptions: { multichannel: true } });
    const voices = [speech(20, 1, { speaker: 0 }), speech(25, 2, { speaker: 1 })];
    const samples = voices.map(({ words }, speaker) => speak([...words], { sampleRate: 16_000, speaker }));
    const both = interleave(samples);
    const sender = await stage.sender({ channels: 2 });
    await sender.say(Buffer.from(both.buffer));
    expect(await sender.finalize()).toEqual(done);
    const finals = await stage.transcript();
    for (const [index, { words }] of voices.entries()) {
      const own = finals.filter((final) => final.speaker === String(index));
      expect(wordsIn(own, 'mic')).toEqual(words);
    }
    expect(finals).toHaveLength(new Set(finals.map(({ segment_no }) => segment_no)).size);
  });

  test('ten meetings at once, both sources each', async () => {
    const stage = await startHub();
    await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        const meeting = `meeting-${index}`;
        const viewer = await stage.viewer({ meeting });
        const said = await talk(stage, { meeting, count: 12, seed: 100 * index, everyMs: 1 });
        await viewer.status('ended');
        await expectWords(stage, said, { meeting, viewers: [viewer] });
      }),
    );
  });

  test("a recognizer at Deepgram's own pace", async () => {
    const stage = await startHub({ simulator: { pace: 1.25 } });
    const viewer = await stage.viewer();
    const { words, pcm, ms } = speech(7, 3);
    const from = performance.now();
    const sender = await stage.sender();
    await sender.say(pcm);
    expect(await sender.finalize()).toEqual(done);
    expect(performance.now() - from).toBeGreaterThan(ms / 1.25 - 400);
    await viewer.status('ended');
    await expectWords(stage, { mic: words }, { viewers: [viewer] });
  });

  test('a sender in real time', async () => {
    const stage = await startHub({ limits: {} });
    const viewer = await stage.viewer();
    const said = speech(7, 4);
    const sender = await stage.sender();
    await sender.say(said.pcm, { frameBytes: 3_200, everyMs: 100 });
    expect(await sender.finalize()).toEqual(done);
    await viewer.status('ended');
    const finals = await expectWords(stage, { mic: said.words }, { viewers: [viewer] });
    expectTimes(finals, 'mic', said);
  });

  test('handshake, audio and finalize in one breath, without waiting for the answer', async () => {
    const stage = await startHub({ simulator: { faults: [{ kind: 'slow-upgrade', delayMs: 150 }] } });
    const said = speech(10, 6);
    const sender = await stage.stranger();
    sender.send({ type: 'handshake', source: 'mic', sample_rate: 16_000 });
    await sender.say(said.pcm);
    expect(await sender.finalize()).toEqual(done);
    const finals = await expectWords(stage, { mic: said.words });
    expectTimes(finals, 'mic', said);
    expect(sender.of('ack').at(-1)?.received_ms).toBe(said.ms);
  });
});

describe('[LOG1] two sources and their viewers', () => {
  test('[SUB4, SUB5, SUB3] who was there, who came late, who wanted little and who was dropped see one log', async () => {
    const stage = await startHub();
    const proxy = await openFaultProxy({ port: stage.port });
    const first = await stage.viewer();
    const dropped = await stage.viewer({ port: proxy.port });
    let seated = () => {};
    const areSeated = new Promise<void>((resolve) => {
      seated = resolve;
    });
    const talking = talk(stage, { count: 60, seed: 7, everyMs: 8, stay: areSeated });
    const { seq: later } = await first.until('transcript.final', ({ seq }) => seq >= 4);

    proxy.drop('rst');
    expect((await dropped.closed).code).toBe(1006);
    const { epoch } = await first.until('connected');
    const since = dropped.seqs.at(-1) ?? 0;
    const [late, resumed, little, none] = await Promise.all([
      stage.viewer(),
      stage.viewer({ query: `since=${since}&epoch=${epoch}` }),
      stage.viewer({ query: 'history=2' }),
      stage.viewer({ query: 'history=none' }),
    ]);
    seated();
    const said = await talking;
    const viewers = [first, late, resumed, little, none];
    await Promise.all(viewers.map((viewer) => viewer.status('ended')));
    await proxy.close();

    const stored = await expectWords(stage, said, { viewers: [first, late] });
    const lastSeq = first.seqs.at(-1);
    expect(first.seqs[0]).toBe(1);
    expect(late.seqs[0]).toBe(1);
    expect((await resumed.until('connected')).recovered).toBe(true);
    expect([...dropped.seqs, ...resumed.seqs]).toEqual(first.seqs);
    for (const [viewer, history] of [
      [little, 2],
      [none, 0],
    ] as const) {
      const { seq, recovered } = await viewer.until('connected');
      expect(recovered).toBeNull();
      expect(seq).toBeGreaterThanOrEqual(later);
      expectUnbroken(viewer, Math.max(0, seq - history) + 1);
      expect(viewer.seqs.at(-1)).toBe(lastSeq);
    }
    for (const source of ['mic', 'system'] as const) {
      expect(wordsIn([...dropped.finals, ...resumed.finals], source)).toEqual(said[source]);
      const own = stored.filter(({ meta }) => meta?.source === source);
      expect(own.map(({ start_ms }) => start_ms)).toEqual(
        own.map(({ start_ms }) => start_ms).sort((a, b) => a - b),
      );
    }
    for (const viewer of [first, late, resumed]) expectSegmentRule(viewer.messages);
  });

  test('[SUB4] an entry whose announcement was lost reaches who was there, though a newcomer was told of it first', async () => {
    const inner = memoryBus();
    let isLosing = false;
    const bus: Bus = {
      ...inner,
      publish: async (...args) => (isLosing ? undefined : inner.publish(...args)),
    };
    const shared = { bus, store: memoryStore(), registry: memoryRegistry() };
    const stage = await startHub({ ...shared, limits: { ...unhurried, headCheckMs: 200 } });
    const elsewhere = await startHub(shared);
    const viewer = await stage.viewer();
    const meeting = elsewhere.hub.meeting({ tenant: 'acme', id: 'm' });
    isLosing = true;
    for (let seq = 1; seq <= 5; seq += 1) {
      await meeting.status('note', `entry ${seq}`);
      const newcomer = await stage.viewer({ query: 'history=none' });
      expect((await newcomer.until('connected')).seq).toBe(seq);
      await viewer.until('status', (status) => status.seq === seq);
      expectUnbroken(viewer, 1);
    }
  });

  test('[LOG4] a segment_no is one utterance from its first partial to its final, unique across sources', async () => {
    const stage = await startHub();
    const viewer = await stage.viewer();
    await talk(stage, { count: 50, seed: 8, everyMs: 4 });
    await viewer.status('ended');
    const numbers = viewer.finals.map(({ segment_no }) => segment_no);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(new Set(viewer.finals.map(({ meta }) => meta?.source)).size).toBe(2);
    expect(viewer.of('transcript.partial').length).toBeGreaterThan(10);
    expectSegmentRule(viewer.messages);
  });

  test('[ING15] two sources that finalize at once end the meeting once, and last', async () => {
    const stage = await startHub();
    for (let round = 0; round < 8; round += 1) {
      const meeting = `round-${round}`;
      const viewer = await stage.viewer({ meeting });
      const sources = ['mic', 'system'] as const;
      const senders = await Promise.all(sources.map((source) => stage.sender({ meeting, source })));
      const speeches = sources.map((_, index) => speech(6, 2 * round + index));
      await Promise.all(senders.map((sender, index) => sender.say(speeches[index]?.pcm ?? Buffer.alloc(0))));
      const closings = await Promise.all(senders.map((sender) => sender.finalize()));
      expect(closings).toEqual([done, done]);
      await viewer.status('ended');
      const [mic, system] = speeches.map(({ words }) => words);
      await expectWords(stage, { mic: mic ?? [], system: system ?? [] }, { meeting, viewers: [viewer] });
      const { seq } = (await (await stage.get(`ws/meetings/${meeting}/stats`)).json()) as { seq: number };
      const ended = viewer.of('status').filter(({ status }) => status === 'ended');
      expect(ended.map((status) => status.seq)).toEqual([seq]);
      expect(viewer.seqs.at(-1)).toBe(seq);
      for (const sender of senders) {
        const own = sender.of('status').filter(({ status }) => status === 'ended');
        expect(own).toHaveLength(1);
        expect(own[0]?.details?.source).toBe(sources[senders.indexOf(sender)]);
      }
    }
  });

  test('[ING11] a source that joins later starts where the meeting is', async () => {
    const stage = await startHub();
    const mic = await stage.sender();
    const first = speech(10, 9);
    await mic.say(first.pcm);
    await heard(stage, first.pcm.length);
    const system = await stage.sender({ source: 'system' });
    const { resume_from_ms: fromMs = 0 } = await system.until('handshake_ack');
    expect(fromMs).toBe(first.ms);
    const second = speech(5, 10);
    await system.say(second.pcm);
    expect(await system.finalize()).toEqual(done);
    expect(await mic.finalize()).toEqual(done);
    const finals = await expectWords(stage, { mic: first.words, system: second.words });
    expectTimes(finals, 'mic', first);
    expectTimes(finals, 'system', second, fromMs);
  });
});

describe('[ING11] publish() from the client package', () => {
  test('a source that joins late starts where the meeting is, even when its first link broke before it was accepted', async () => {
    const gate = new Gate();
    const verify = jwtAuthenticator({ secret });
    const auth = async (token: string) => {
      const grant = await verify(token);
      if (grant.userId === 'late') await gate.pass();
      return grant;
    };
    const stage = await startHub({ auth });
    const mic = await stage.sender();
    const first = speech(10, 25);
    await mic.say(first.pcm);
    await heard(stage, first.pcm.length);

    const proxy = await openFaultProxy({ port: stage.port });
    const url = `http://127.0.0.1:${proxy.port}`;
    const token = await mintToken({ user: 'late' });
    const backoff = { minMs: 5, maxMs: 10 };
    const publisher = publish({ url, meeting: 'm', token, source: 'system', sampleRate: 16_000, backoff });
    await vi.waitFor(() => expect(gate.arrived).toBe(1), soon);
    const lost = new Promise((resolve) => publisher.on('connection', resolve));
    proxy.drop('rst');
    expect(await lost).toMatchObject({ status: 'reconnecting' });
    gate.open();
    const second = speech(6, 26);
    await publisher.write(new Uint8Array(second.pcm));
    await publisher.finalize();
    expect(await mic.finalize()).toEqual(done);
    await proxy.close();
    const finals = await expectWords(stage, { mic: first.words, system: second.words });
    expectTimes(finals, 'system', second, first.ms);
  });
});

describe('[ING9, ING10] too fast, and what is safe', () => {
  test('audio above 50 frames a second is delayed, never dropped; acks grow, agree at the end, and never overtake', async () => {
    const stage = await startHub({ limits: {} });
    const viewer = await stage.viewer();
    const { words, pcm, ms } = speech(40, 11);
    const frameBytes = Math.ceil(pcm.length / 300 / 2) * 2;
    const frames = Math.ceil(pcm.length / frameBytes);
    const from = performance.now();
    const sender = await stage.sender();
    await sender.say(pcm, { frameBytes });
    expect(await sender.finalize()).toEqual(done);
    expect(performance.now() - from).toBeGreaterThan(((frames - 50) / 50) * 1000 * 0.7);
    await viewer.status('ended');
    await expectWords(stage, { mic: words }, { viewers: [viewer] });

    const acks = sender.of('ack');
    expect(acks.length).toBeGreaterThanOrEqual(3);
    for (const [index, { received_ms, durable_ms }] of acks.entries()) {
      expect(durable_ms).toBeLessThanOrEqual(received_ms);
      expect(received_ms).toBeGreaterThanOrEqual(acks[index - 1]?.received_ms ?? 0);
      expect(durable_ms).toBeGreaterThanOrEqual(acks[index - 1]?.durable_ms ?? 0);
    }
    expect(acks.some(({ durable_ms, received_ms }) => durable_ms > 0 && durable_ms < received_ms)).toBe(true);
    expect(acks.at(-1)).toEqual({ type: 'ack', received_ms: Math.floor(ms), durable_ms: Math.floor(ms) });
  });

  test('a slow recognizer holds its sender back, and nobody else', async () => {
    const stage = await startHub({ simulator: { pace: 0, faults: [] } });
    const slow = await stage.sender({ meeting: 'slow', sampleRate: 48_000 });
    stage.simulator.fault({ kind: 'slow-reader', bytesPerSecond: 1_500_000 });
    const long = speech(60, 12, { sampleRate: 48_000 });
    const said = slow.say(long.pcm, { frameBytes: 32_000 });
    await slow.until('transcript.final');
    const quick = await stage.sender({ meeting: 'quick' });
    const short = speech(4, 13);
    await quick.say(short.pcm);
    expect(await quick.finalize()).toEqual(done);
    await said;
    expect(await slow.finalize()).toEqual(done);
    await expectWords(stage, { mic: long.words }, { meeting: 'slow' });
    await expectWords(stage, { mic: short.words }, { meeting: 'quick' });
  });
});

describe('[REST4] the transcript', () => {
  test('JSON in pages, text, SubRip and WebVTT hold the same words', async () => {
    const stage = await startHub();
    const said = await talk(stage, { count: 30, seed: 14 });
    const finals = await expectWords(stage, said);
    // The log has them as they were finished, an export as they were said.
    const asSaid = (of: typeof finals) =>
      of.toSorted((a, b) => a.start_ms - b.start_ms || a.seq - b.seq).flatMap(({ text }) => text.split(' '));
    const all = asSaid(finals);
    expect(finals.length).toBeGreaterThan(7); // more than one page of the harness
    const text = async (format: string) => (await stage.get(`meetings/m/transcript?format=${format}`)).text();
    const wordsOfLines = (lines: string[]) =>
      lines
        .join(' ')
        .replace(/Speaker \d: ?|<[^>]*>/g, '')
        .split(/\s+/)
        .filter((word) => word !== '');
    expect(wordsOfLines((await text('txt')).split('\n'))).toEqual(all);
    const isCueText = (line: string) => !/^\d+$|-->|^WEBVTT/.test(line);
    for (const format of ['srt', 'vtt']) {
      const lines = (await text(format)).split('\n');
      expect(wordsOfLines(lines.filter(isCueText))).toEqual(all);
      expect(lines.filter((line) => line.includes('-->'))).toHaveLength(finals.length);
    }
    const tail = await (await stage.get(`meetings/m/transcript?format=txt&after=${finals[2]?.seq}`)).text();
    expect(wordsOfLines(tail.split('\n'))).toEqual(asSaid(finals.slice(3)));
  });
});

describe('senders that come and go', () => {
  test.each(['fin', 'rst'] as const)(
    'a sender that vanishes (%s): what it sent is stored, then idle',
    async (how) => {
      const stage = await startHub({ limits: { ...unhurried, graceMs: 100 } });
      const viewer = await stage.viewer();
      const sender = await stage.sender();
      const { words, pcm } = speech(20, 15);
      await sender.say(pcm);
      await heard(stage, pcm.length);
      sender.vanish(how);
      const idle = await viewer.status('idle');
      await expectWords(stage, { mic: words }, { viewers: [viewer] });
      expect(idle.seq).toBe(viewer.seqs.at(-1));
      expect(viewer.of('status').map(({ status }) => status)).toEqual(['live', 'idle']);
    },
  );

  test.each([3, 11, 17, 26, 38])(
    '[ING12, ING19] takeover after %i words: 4009 to the old socket, nothing lost, nothing twice',
    async (place) => {
      const stage = await startHub();
      const viewer = await stage.viewer();
      const said = speech(40, 16);
      const { words, pcm, ms } = said;
      const wordMs = said.times[place]?.startMs ?? 0;
      const old = await stage.sender({ session: 'one' });
      const cut = bytesAt(wordMs + 90); // in the middle of a word
      await old.say(pcm.subarray(0, cut));
      await heard(stage, cut);
      const next = await stage.sender({ session: 'one', resume: true });
      expect(await old.closed).toEqual({ code: 4009, reason: 'superseded' });
      expect(old.of('error').map(({ code }) => code)).toEqual(['superseded']);
      await vi.waitFor(() => expect(stage.simulator.streams[0]?.open).toBe(false), soon);
      const { resume_from_ms: fromMs = Number.NaN } = await next.until('handshake_ack');
      expect(fromMs).toBeLessThanOrEqual(wordMs);
      await next.say(pcm.subarray(bytesAt(fromMs)));
      expect(await next.finalize()).toEqual(done);
      await viewer.status('ended');
      expect(next.of('ack').at(-1)?.durable_ms).toBe(Math.floor(ms));
      const finals = await stage.transcript();
      expect(wordsIn(finals, 'mic')).toEqual(words);
      expect(wordsIn(viewer.finals, 'mic')).toEqual(words);
      expectUnbroken(viewer);
      expectTimes(finals, 'mic', said);
    },
  );

  const cuts = [4, 12, 19, 27].flatMap((place) => [0.2, 0.5, 0.8, 1].map((share) => ({ place, share })));
  test.each(cuts)(
    '[ING12] a link lost after $share of word $place: nothing lost, nothing twice, however long the sender was away',
    async ({ place, share }) => {
      for (const isGivenUp of [false, true]) {
        const stage = await startHub({ limits: { ...unhurried, ...(isGivenUp ? { graceMs: 100 } : {}) } });
        const viewer = await stage.viewer();
        const said = speech(30, 17);
        const { words, pcm } = said;
        const old = await stage.sender({ session: 'one' });
        const cut = bytesAt((said.times[place]?.startMs ?? 0) + share * toneTiming.wordMs);
        await old.say(pcm.subarray(0, cut));
        await heard(stage, cut);
        old.vanish('rst');
        if (isGivenUp) await viewer.status('idle');
        const next = await stage.sender({ session: 'one', resume: true });
        const { resume_from_ms: fromMs = Number.NaN } = await next.until('handshake_ack');
        await next.say(pcm.subarray(bytesAt(fromMs)));
        expect(await next.finalize()).toEqual(done);
        await viewer.status('ended');
        expect(wordsIn(await stage.transcript(), 'mic')).toEqual(words);
        expect(wordsIn(viewer.finals, 'mic')).toEqual(words);
        expectUnbroken(viewer);
        expectTimes(viewer.finals, 'mic', said);
        await stage.close();
      }
    },
  );

  test('[ING19] words of the older socket that reach the store after a takeover on another node are refused', async () => {
    const inner = memoryStore();
    const gate = new Gate();
    const refused: unknown[] = [];
    const store = storeWith(inner, {
      async append(...[meeting, entry, options]: Parameters<Store['append']>) {
        if (entry.type !== 'transcript.final' || gate.arrived > 0)
          return await inner.append(meeting, entry, options);
        await gate.pass();
        return await inner.append(meeting, entry, options).catch((error: unknown) => {
          refused.push(error);
          throw error;
        });
      },
    });
    const shared = { bus: memoryBus(), registry: memoryRegistry() };
    const stage = await startHub({ store, ...shared });
    const other = await startHub({ store: inner, ...shared });
    const viewer = await stage.viewer();
    const { words, pcm } = speech(15, 27);
    const old = await stage.sender({ session: 'one' });
    await old.say(pcm);
    await vi.waitFor(() => expect(gate.arrived).toBe(1), soon);
    const next = await other.sender({ session: 'one', resume: true });
    expect((await next.until('handshake_ack')).resume_from_ms).toBe(0);
    gate.open();
    await vi.waitFor(() => expect(refused).toHaveLength(1), soon);
    expect(refused[0]).toBeInstanceOf(StaleFenceError);
    await next.say(pcm);
    expect(await next.finalize()).toEqual(done);
    await viewer.status('ended');
    expect(wordsIn(await stage.transcript(), 'mic')).toEqual(words);
    expect(wordsIn(viewer.finals, 'mic')).toEqual(words);
    expectUnbroken(viewer);
  });

  /** A recognizer that has closed, cleanly, before it said its last words to a sender that has finalized. */
  async function closedEarly(recovery?: false) {
    const stage = await startHub(recovery === undefined ? {} : { recovery });
    const said = speech(12, 28);
    const first = await stage.sender({ session: 'one' });
    stage.simulator.fault({ kind: 'slow-reader', bytesPerSecond: 40_000 });
    await first.say(said.pcm);
    first.send({ type: 'finalize' });
    const isDraining = () =>
      stage.observed.some((event) => event.type === 'ingest' && event.step === 'draining');
    await vi.waitFor(() => expect(isDraining()).toBe(true), soon);
    stage.simulator.fault({ kind: 'close', code: 1000 });
    return { stage, said, first };
  }

  test('[ING15] a recognizer that closes, however cleanly, before its last words: they are heard again', async () => {
    const { stage, said, first } = await closedEarly();
    await stage.simulator.clear();
    expect(await first.closed).toEqual(done);
    expect(stage.simulator.streams).toHaveLength(2);
    expectTimes(await expectWords(stage, { mic: said.words }), 'mic', said);
  });

  test('[ING12] the same without recovery: 4010, and nothing is lost', async () => {
    const { stage, said, first } = await closedEarly(false);
    expect(await first.closed).toEqual({ code: 4010, reason: 'recognizer_unavailable' });
    await stage.simulator.clear();
    const next = await stage.sender({ session: 'one', resume: true });
    const { resume_from_ms: fromMs = Number.NaN } = await next.until('handshake_ack');
    await next.say(said.pcm.subarray(bytesAt(fromMs)));
    expect(await next.finalize()).toEqual(done);
    expectTimes(await expectWords(stage, { mic: said.words }), 'mic', said);
  });

  test('[ING19] a second sender is refused with 4002, and the first loses nothing', async () => {
    const stage = await startHub();
    const sender = await stage.sender();
    const { words, pcm } = speech(16, 18);
    const half = bytesAt(2_000);
    await sender.say(pcm.subarray(0, half));
    for (const session of [undefined, 'another']) {
      const second = await stage.stranger();
      second.send({ type: 'handshake', source: 'mic', sample_rate: 16_000, session_id: session });
      expect(await second.closed).toEqual({ code: 4002, reason: 'ingest_exists' });
      expect(second.of('handshake_ack').map(({ status }) => status)).toEqual(['error']);
      expect(second.of('error')).toMatchObject([{ code: 'ingest_exists', retryable: false }]);
    }
    await sender.say(pcm.subarray(half));
    expect(await sender.finalize()).toEqual(done);
    await expectWords(stage, { mic: words });
  });

  test('a newcomer waits for a vanished sender to be heard out, and follows on its clock', async () => {
    const stage = await startHub();
    const sender = await stage.sender();
    const first = speech(20, 19);
    await sender.say(first.pcm);
    await heard(stage, first.pcm.length);
    sender.vanish();
    const next = await stage.sender();
    const { resume_from_ms: fromMs = 0 } = await next.until('handshake_ack');
    expect(fromMs).toBe(first.ms);
    const second = speech(6, 20);
    await next.say(second.pcm);
    expect(await next.finalize()).toEqual(done);
    await expectWords(stage, { mic: [...first.words, ...second.words] });
  });

  test('[LINK4] hub.close() in mid-meeting: what was heard is stored, then 1012, and another hub goes on', async () => {
    const inner = memoryStore();
    const gate = new Gate();
    const store = storeWith(inner, {
      async append(...[meeting, entry, options]: Parameters<Store['append']>) {
        if (entry.type === 'transcript.final') await gate.pass();
        return await inner.append(meeting, entry, options);
      },
    });
    const stage = await startHub({ store });
    const viewer = await stage.viewer();
    const sender = await stage.sender({ session: 'one' });
    const { words, pcm, times } = speech(40, 21);
    const cut = bytesAt((times[23]?.startMs ?? 0) + toneTiming.wordMs / 2);
    await sender.say(pcm.subarray(0, cut));
    await heard(stage, cut);
    const closing = stage.hub.close();
    const late = await stage.stranger();
    expect(await late.closed).toEqual({ code: 1013, reason: 'try_again_later' });
    gate.open();
    expect(await sender.closed).toEqual({ code: 1012, reason: 'restart' });
    expect(await viewer.closed).toEqual({ code: 1012, reason: 'restart' });
    await closing;
    expect(wordsIn(viewer.finals, 'mic')).toEqual(words.slice(0, 23));
    const { durable_ms: durableMs = 0 } = sender.of('ack').at(-1) ?? {};
    expect(durableMs).toBeGreaterThanOrEqual((times[22]?.endMs ?? 0) - 20);
    expect(durableMs).toBeLessThanOrEqual(times[23]?.startMs ?? 0);

    const other = await startHub({ store });
    const { epoch } = await viewer.until('connected');
    const back = await other.viewer({ query: `since=${viewer.seqs.at(-1)}&epoch=${epoch}` });
    const next = await other.sender({ session: 'one', resume: true });
    const { resume_from_ms: fromMs = Number.NaN } = await next.until('handshake_ack');
    expect(fromMs).toBeLessThanOrEqual(durableMs);
    await next.say(pcm.subarray(bytesAt(fromMs)));
    expect(await next.finalize()).toEqual(done);
    await back.status('ended');
    expect(wordsIn(await other.transcript(), 'mic')).toEqual(words);
    expect(wordsIn([...viewer.finals, ...back.finals], 'mic')).toEqual(words);
  });

  test('[ING16, ING17, ING18] close, flush and off the record', async () => {
    const stage = await startHub();
    const viewer = await stage.viewer();
    const sender = await stage.sender();
    const said = speech(6, 22);
    const secret = speech(5, 23);
    const after = speech(7, 24);
    await sender.say(said.pcm);
    sender.send({ type: 'flush' });
    await viewer.until('transcript.final', ({ text }) => said.words.join(' ').endsWith(text));
    sender.send({ type: 'off_record', on: true });
    await sender.say(secret.pcm);
    sender.send({ type: 'off_record', on: false });
    await sender.say(after.pcm);
    expect(await sender.finalize()).toEqual(done);
    await viewer.status('ended');
    const finals = await expectWords(stage, { mic: [...said.words, ...after.words] }, { viewers: [viewer] });
    const fromMs = said.ms + secret.ms;
    expectTimes(
      finals.filter(({ start_ms }) => start_ms < fromMs),
      'mic',
      said,
    );
    expectTimes(
      finals.filter(({ start_ms }) => start_ms >= fromMs),
      'mic',
      after,
      fromMs,
    );
    expect(viewer.of('status').map(({ status }) => status)).toEqual([
      'live',
      'off_record',
      'on_record',
      'ending',
      'ended',
    ]);

    const quitter = await stage.sender({ meeting: 'quit' });
    quitter.send({ type: 'close' });
    expect(await quitter.closed).toEqual(done);
  });
});

/** 16 kHz mono: the byte at which a time begins. */
const bytesAt = (ms: number) => Math.round(ms * 16) * 2;

interface Talk {
  meeting?: string;
  count: number;
  seed: number;
  everyMs?: number;
  /** Nobody finalizes before. */
  stay?: Promise<void>;
}

/** Both sources say different words at once and finalize; what they said. */
async function talk(
  stage: Stage,
  { meeting = 'm', count, seed, everyMs = 0, stay }: Talk,
): Promise<Record<Source, readonly string[]>> {
  // Both are there before either speaks: else one of them could have ended the meeting alone.
  const senders = [await stage.sender({ meeting }), await stage.sender({ meeting, source: 'system' })];
  const one = async (sender: Sender | undefined, words: number, ownSeed: number) => {
    const said = speech(words, ownSeed);
    await sender?.say(said.pcm, { everyMs });
    await stay;
    expect(await sender?.finalize()).toEqual(done);
    return said.words;
  };
  const [mic, system] = await Promise.all([
    one(senders[0], count, seed),
    one(senders[1], count + 5, seed + 1),
  ]);
  return { mic, system };
}

test('what the recognizer itself said is kept for a final when the store was asked to', async () => {
  const store = memoryStore({ keepRaw: true });
  const stage = await startHub({ store });
  const sender = await stage.sender();
  await sender.say(speech(3, 5).pcm);
  expect((await sender.finalize()).code).toBe(1000);
  const [final] = await stage.transcript();
  const raw = await store.raw({ tenant: 'acme', id: 'm' }, final?.seq ?? 0);
  const said = JSON.parse(raw ?? '[]') as {
    type: string;
    channel: { alternatives: { transcript: string }[] };
  }[];
  expect(said.map(({ type }) => type)).toEqual(said.map(() => 'Results'));
  expect(said.map(({ channel }) => channel.alternatives[0]?.transcript).join(' ')).toBe(final?.text);
  expect(JSON.stringify(final)).not.toContain('Results');
});
