import { speak } from '@meetcast/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { RecognizerError } from '../../src/lib/errors.ts';
import type { RecognizerStream } from '../../src/recognizer/recognizer.ts';
import { type ResilientOptions, resilient } from '../../src/recovery/resilient.ts';
import {
  listenTo,
  pcm,
  recognizerContract,
  request,
  silence,
  writeAll,
} from '../recognizer/recognizer-contract.ts';
import {
  expectTiled,
  expectWords,
  meeting,
  statesOf,
  unheardOf,
  utterancesOf,
  wordsTold,
} from '../recognizer/told.ts';
import {
  type Fate,
  final,
  passing,
  type ToneRecognizer,
  toneRecognizer,
} from '../recognizer/tone-recognizer.ts';
import { seeded } from '../support/random.ts';

const never = new AbortController().signal;
const quick: ResilientOptions = { retryMinMs: 1, retryMaxMs: 4, replayPace: Number.POSITIVE_INFINITY };

describe('the contract', () => {
  recognizerContract(async () => {
    const inner = toneRecognizer();
    return {
      recognizer: resilient(inner, { ...quick, memoryMs: 60_000 }),
      endures: true,
      refuse() {
        inner.refusals.push(
          new RecognizerError('refused with 402: out of credit', { retryable: false, code: 402 }),
        );
        return { status: 402, words: 'out of credit', isRetryable: false };
      },
      drop() {
        for (const stream of inner.streams) if (stream.isOpen) stream.fall('refused');
      },
      crawl: () => inner.crawl(),
      openStreams: () => inner.streams.filter(({ isOpen }) => isOpen).length,
      async leave() {
        inner.refusals.push(...Array.from({ length: 1_000 }, passing));
      },
      async close() {},
    };
  });
});

const open: RecognizerStream[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const stream of open.splice(0)) stream.abort();
});

async function start(inner: ToneRecognizer, options: ResilientOptions = {}, channels = 1) {
  const stream = await resilient(inner, { ...quick, ...options }).open({ ...request, channels }, never);
  open.push(stream);
  return { stream, heard: listenTo(stream) };
}

/** Lets everything that is due happen. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Writes as a live sender does, with room for what happens meanwhile. */
async function speakInto(stream: RecognizerStream, audio: Uint8Array, frameBytes = 3_200): Promise<void> {
  for (let at = 0; at < audio.length; at += frameBytes) {
    await stream.write(audio.subarray(at, at + frameBytes));
    await turn();
  }
}

/** Writes in real time by a fake clock. */
async function speakLive(stream: RecognizerStream, audio: Uint8Array, channels: number): Promise<void> {
  const frameBytes = 3_200 * channels;
  for (let at = 0; at < audio.length; at += frameBytes) {
    await stream.write(audio.subarray(at, at + frameBytes));
    await vi.advanceTimersByTimeAsync(100);
  }
}

describe.each(['mono', 'multichannel', 'mixed'] as const)('%s', (kind) => {
  test.each(['lost', 'clean', 'silent'] as const)(
    'a stream that is %s in mid-meeting costs no word, and none is said twice',
    async (fate) => {
      vi.useFakeTimers();
      const { said, audio, channels, endMs } = meeting(7, 40, kind);
      const inner = toneRecognizer({ multichannel: kind === 'multichannel' });
      inner.fates.push({ kind: fate, afterBytes: Math.floor(audio.length * 0.43) });
      const { stream, heard } = await start(inner, { silentMs: 2_000 }, channels);
      await speakLive(stream, audio, channels);
      stream.finish();
      await vi.advanceTimersByTimeAsync(10_000);
      expect(await heard.outcome).toBe('ended');
      for (const [channel, words] of said.entries()) {
        expectWords(heard.results, words, channel);
        expectTiled(heard.results, endMs, channel);
      }
      expect(inner.streams.length).toBe(2);
      expect(inner.streams.some(({ isOpen }) => isOpen)).toBe(false);
      expect(statesOf(heard.results)).toEqual([fate === 'silent' ? 'silent' : 'reconnecting', 'recovered']);
    },
  );
});

/** Fates at random positions, handshakes refused in between, results that get lost on the way. */
function plan(random: () => number, bytes: number): (Fate | undefined)[] {
  return Array.from({ length: Math.floor(random() * 6) }, () => ({
    kind: (['lost', 'lost', 'clean', 'silent'] as const)[Math.floor(random() * 4)] ?? 'lost',
    afterBytes: Math.floor(random() ** 2 * bytes),
    swallows: Math.floor(random() * 6),
  }));
}

const runs = Number(process.env.MEETCAST_RUNS ?? 40);

test(`whatever fails wherever, in ${runs} random meetings: every word once, in order, at its time`, {
  timeout: 600_000,
}, async () => {
  for (let seed = 1; seed <= runs; seed += 1) {
    const random = seeded(seed);
    const kind = (['mono', 'multichannel', 'mixed'] as const)[seed % 3] ?? 'mono';
    const { said, audio, channels, endMs } = meeting(seed, 20 + Math.floor(random() * 30), kind);
    const inner = toneRecognizer({ multichannel: kind === 'multichannel' });
    inner.fates.push(...plan(random, audio.length));
    inner.refusals.push(...Array.from({ length: random() < 0.3 ? Math.floor(random() * 4) : 0 }, passing));
    const { stream, heard } = await start(inner, { silentMs: 20 }, channels);
    await speakInto(stream, audio, 640 * (1 + Math.floor(random() * 10)));
    stream.finish();
    expect(await heard.outcome, `seed ${seed}`).toBe('ended');
    for (const [channel, words] of said.entries()) {
      expect(
        wordsTold(heard.results, channel).map(({ text }) => text),
        `seed ${seed}`,
      ).toEqual(words);
      expectWords(heard.results, words, channel);
      expectTiled(heard.results, endMs, channel);
    }
    const utterances = utterancesOf(heard.results, said.length).flatMap(({ text }) => text.split(' '));
    expect(utterances.toSorted()).toEqual(said.flat().toSorted());
    expect(unheardOf(heard.results)).toEqual([]);
  }
});

test('a sender may begin while the recognizer is away; it is heard from its first sample', async () => {
  const { said, audio } = meeting(3, 20);
  const inner = toneRecognizer();
  inner.refusals.push(passing(), passing(), passing());
  const { stream, heard } = await start(inner);
  await speakInto(stream, audio);
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expectWords(heard.results, said[0] ?? []);
  expect(heard.results[0]).toEqual({ kind: 'state', state: 'reconnecting', reason: 'too many streams' });
  expect(statesOf(heard.results)).toEqual(['reconnecting', 'recovered']);
});

test('a refusal for good rejects open; in mid-meeting the results say what nobody heard and throw it', async () => {
  const inner = toneRecognizer();
  inner.refusals.push(final());
  await expect(start(inner)).rejects.toMatchObject({ name: 'RecognizerError', retryable: false, code: 402 });
  inner.fates.push({ kind: 'lost', afterBytes: 64_000 });
  const { stream, heard } = await start(inner);
  inner.refusals.push(passing(), final());
  await writeAll(stream, pcm('the budget', { tailMs: 5_300 }));
  expect(await heard.outcome).toMatchObject({ message: 'out of credit', retryable: false });
  expect(heard.words()).toEqual(['the', 'budget']);
  const [rest] = unheardOf(heard.results);
  expect(rest).toMatchObject({ cause: 'refused', endMs: 6_000 });
  expect(rest?.startMs).toBe(heard.finals().at(-1)?.endMs);
  expect(heard.results.at(-1)?.kind).toBe('unheard');
});

test('what falls off while nobody can hear it is told before what follows, and only that', async () => {
  const inner = toneRecognizer();
  const refusals = Array.from({ length: 10_000 }, passing);
  inner.refusals.push(...refusals);
  const { stream, heard } = await start(inner, { memoryMs: 2_000, keptMs: 4_000 });
  const { said, audio } = meeting(5, 40);
  for (let at = 0; at < audio.length; at += 3_200) void stream.write(audio.subarray(at, at + 3_200));
  inner.refusals.length = 0;
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  const [lost] = unheardOf(heard.results);
  expect(lost).toMatchObject({ startMs: 0, cause: 'too_long_away' });
  expect(lost?.endMs).toBeGreaterThan(audio.length / 32 - 5_500);
  expect(lost?.endMs).toBeLessThanOrEqual(audio.length / 32 - 4_000 + 1_000);
  const told = heard.words();
  expect(said[0]?.slice(-told.length)).toEqual(told);
  expect(told.length).toBeGreaterThan(10);
  expect(unheardOf(heard.results).length).toBe(1);
});

test('what is too much for the memory is replayed from a file', async () => {
  const inner = toneRecognizer();
  inner.fates.push({ kind: 'lost', afterBytes: 30_000 });
  inner.refusals.push();
  const { stream, heard } = await start(inner, { memoryMs: 2_000, retryMinMs: 40, retryMaxMs: 40 });
  const { said, audio } = meeting(11, 60);
  await speakInto(stream, audio);
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expectWords(heard.results, said[0] ?? []);
});

test('finish while nobody answers: everything is still heard', async () => {
  const inner = toneRecognizer();
  inner.fates.push({ kind: 'lost', afterBytes: 50_000 }, { kind: 'lost', afterBytes: 20_000 });
  const { stream, heard } = await start(inner);
  const { said, audio } = meeting(13, 30);
  await writeAll(stream, audio);
  inner.refusals.push(...Array.from({ length: 12 }, passing));
  stream.finish();
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expectWords(heard.results, said[0] ?? []);
});

test('a stream that is silent after the end of the audio is given up as well', async () => {
  const inner = toneRecognizer();
  const { said, audio } = meeting(17, 30);
  inner.fates.push({ kind: 'silent', afterBytes: audio.length - 10 });
  const { stream, heard } = await start(inner, { silentMs: 30 });
  await speakInto(stream, audio);
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expectWords(heard.results, said[0] ?? []);
  expect(inner.streams[0]?.abortedFor).toMatchObject({ name: 'RecognizerError' });
});

test('finish when everything was heard before the loss ends at once', async () => {
  const inner = toneRecognizer();
  const { stream, heard } = await start(inner);
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  const away = toneRecognizer();
  away.refusals.push(...Array.from({ length: 1_000 }, passing));
  const second = await start(away);
  second.stream.finish();
  expect(await second.heard.outcome).toBe('ended');
});

test('an utterance that a loss cuts in two stays one', async () => {
  for (const cut of [0.2, 0.35, 0.5, 0.65, 0.8, 0.95]) {
    const inner = toneRecognizer();
    const { said, audio } = meeting(19, 24);
    inner.fates.push({ kind: 'lost', afterBytes: Math.floor(audio.length * cut) });
    const { stream, heard } = await start(inner);
    await speakInto(stream, audio);
    stream.finish();
    await heard.outcome;
    expect(utterancesOf(heard.results).map(({ text }) => text)).toEqual([said[0]?.join(' ')]);
  }
});

test('an utterance that was complete before the loss is ended, although its end was never told', async () => {
  const inner = toneRecognizer();
  const { stream, heard } = await start(inner);
  await writeAll(stream, pcm('the budget', { tailMs: 150 }));
  stream.flush();
  await expect.poll(heard.words).toEqual(['the', 'budget']);
  inner.streams[0]?.fall('lost');
  await writeAll(stream, silence(3));
  await writeAll(stream, pcm('new meeting'));
  stream.finish();
  await heard.outcome;
  expect(utterancesOf(heard.results).map(({ text }) => text)).toEqual(['the budget', 'new meeting']);
});

test('partials of a replay never take words back from the screen', async () => {
  for (const cut of [0.3, 0.47, 0.71, 0.83]) {
    const inner = toneRecognizer();
    const { audio } = meeting(23, 40);
    inner.fates.push({ kind: 'lost', afterBytes: Math.floor(audio.length * cut) });
    const { stream, heard } = await start(inner);
    await speakInto(stream, audio);
    stream.finish();
    await heard.outcome;
    let [reached, shown] = [0, 0];
    for (const one of heard.results) {
      if (one.kind !== 'span') continue;
      expect(one.startMs).toBeGreaterThanOrEqual(reached - 1.5);
      if (one.isFinal) reached = one.endMs;
      else expect(one.endMs).toBeGreaterThanOrEqual(shown);
      shown = Math.max(shown, one.isFinal ? 0 : one.endMs);
    }
  }
});

test('silence and hum, however long, are no reason to fail over', async () => {
  vi.useFakeTimers();
  const inner = toneRecognizer();
  inner.fates.push({ kind: 'silent', afterBytes: 0 });
  const { stream, heard } = await start(inner);
  const hum = new Int16Array(16_000).map((_, at) => 1_000 * Math.sin((2 * Math.PI * 50 * at) / 16_000));
  for (let second = 0; second < 30; second += 1) {
    const audio = second % 2 ? silence(1) : new Uint8Array(hum.buffer);
    for (const half of [audio.subarray(0, 16_000), audio.subarray(16_000)]) {
      void stream.write(half);
      await vi.advanceTimersByTimeAsync(500);
    }
  }
  expect(statesOf(heard.results)).toEqual([]);
  const speech = speak('the budget meeting the budget meeting', { sampleRate: 16_000 });
  void stream.write(new Uint8Array(speech.buffer));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(statesOf(heard.results)[0]).toBe('silent');
});

test('silence that was asked for and is never answered is noticed: its writer may be waiting', async () => {
  vi.useFakeTimers();
  const inner = toneRecognizer();
  inner.fates.push({ kind: 'silent', afterBytes: 0 });
  const { stream, heard } = await start(inner);
  for (let second = 0; second < 3; second += 1) void stream.write(silence(1));
  await vi.advanceTimersByTimeAsync(8_000);
  expect(statesOf(heard.results)).toEqual([]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(statesOf(heard.results)).toEqual(['silent', 'recovered']);
  expect(heard.finals().at(-1)?.endMs).toBeGreaterThan(2_900);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(inner.streams.length).toBe(2);
});

test('audio that pauses is flushed once, and a speaker who pauses as long again has ended', async () => {
  vi.useFakeTimers();
  const inner = toneRecognizer();
  const { stream, heard } = await start(inner);
  await writeAll(stream, pcm('the budget', { tailMs: 120 }));
  await vi.advanceTimersByTimeAsync(900);
  expect(inner.streams[0]?.flushes).toBe(0);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(inner.streams[0]?.flushes).toBe(1);
  expect(heard.words()).toEqual(['the', 'budget']);
  expect(heard.results.at(-1)).toEqual({ kind: 'utterance-end', channel: 0 });
  await writeAll(stream, pcm('meeting', { tailMs: 120 }));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(inner.streams[0]?.flushes).toBe(2);
  expect(heard.words()).toEqual(['the', 'budget', 'meeting']);
});

test('a flush whose words were lost with their stream is asked for again', async () => {
  const inner = toneRecognizer();
  inner.fates.push({ kind: 'silent', afterBytes: 3_200 });
  const { stream, heard } = await start(inner, { silentMs: 20 });
  await writeAll(stream, pcm('the budget meeting', { tailMs: 120 }));
  stream.flush();
  await expect.poll(heard.words).toEqual(['the', 'budget', 'meeting']);
});

test('a replay keeps to the pace', async () => {
  vi.useFakeTimers();
  const inner = toneRecognizer();
  inner.refusals.push(passing());
  const { stream, heard } = await start(inner, { replayPace: 1.25, retryMinMs: 1 });
  await writeAll(stream, silence(10));
  await vi.advanceTimersByTimeAsync(4_000);
  const sent = (inner.streams[0]?.bytes ?? 0) / 32_000;
  expect(sent).toBeGreaterThan(4.5);
  expect(sent).toBeLessThan(5.6);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(inner.streams[0]?.bytes).toBe(320_000);
  stream.finish();
  expect(await heard.outcome).toBe('ended');
});

test('a write that is never taken is noticed', async () => {
  const inner = toneRecognizer();
  inner.stall();
  const { stream, heard } = await start(inner, { silentMs: 30 });
  void stream.write(silence(1));
  await expect.poll(() => statesOf(heard.results)).toContain('silent');
});

test('after many failures in a row it says so, and tries less often', async () => {
  vi.useFakeTimers();
  const inner = toneRecognizer();
  inner.refusals.push(...Array.from({ length: 1_000 }, passing));
  const { stream, heard } = await start(inner, {
    retryMinMs: 100,
    retryMaxMs: 1_000,
    failuresBeforeProbing: 8,
    probeMs: 20_000,
  });
  await vi.advanceTimersByTimeAsync(10_000);
  const states = heard.results.flatMap((one) => (one.kind === 'state' ? [one.reason] : []));
  expect(states.length).toBe(2);
  expect(states[1]).toContain('8 times');
  const before = inner.refusals.length;
  await vi.advanceTimersByTimeAsync(100_000);
  expect(before - inner.refusals.length).toBeLessThanOrEqual(10);
  expect(before - inner.refusals.length).toBeGreaterThanOrEqual(5);
  inner.refusals.length = 0;
  await writeAll(stream, pcm('the budget'));
  stream.finish();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await heard.outcome).toBe('ended');
  expect(heard.words()).toEqual(['the', 'budget']);
});

test('abort at any moment leaves no stream and no timer', async () => {
  vi.useFakeTimers();
  for (const moment of ['up', 'waiting', 'opening', 'replaying', 'finishing', 'holding'] as const) {
    const inner = toneRecognizer();
    if (moment !== 'up') inner.refusals.push(...Array.from({ length: 1_000 }, passing));
    const { stream, heard } = await start(inner, { replayPace: 1.25, retryMinMs: 5, memoryMs: 2_000 });
    void stream.write(silence(5));
    if (moment === 'holding') for (let round = 0; round < 8; round += 1) void stream.write(silence(1));
    if (moment === 'replaying' || moment === 'finishing') inner.refusals.length = 0;
    if (moment === 'opening' || moment === 'replaying') await vi.advanceTimersByTimeAsync(30);
    if (moment === 'finishing') stream.finish();
    stream.abort();
    stream.abort();
    expect(await heard.outcome).toBe('ended');
    await vi.advanceTimersByTimeAsync(0);
    expect(inner.streams.filter(({ isOpen }) => isOpen)).toEqual([]);
    expect(vi.getTimerCount(), moment).toBe(0);
  }
});

test('streams that disagree on the number of channels cannot be one', async () => {
  const [mono, stereo] = [toneRecognizer(), toneRecognizer({ multichannel: true })];
  mono.fates.push({ kind: 'lost', afterBytes: 0 });
  const both = resilient([mono, stereo], quick);
  const stream = await both.open({ ...request, channels: 2 }, never);
  const heard = listenTo(stream);
  void stream.write(silence(1));
  expect(await heard.outcome).toMatchObject({ name: 'RecognizerError', retryable: false });
});

test('without a known number of channels a first stream has to open', async () => {
  const { channelsFor: _, ...inner } = toneRecognizer();
  inner.refusals.push(passing());
  await expect(resilient(inner, quick).open({ ...request, channels: 2 }, never)).rejects.toMatchObject({
    retryable: true,
  });
});

test('an option that is no positive number is a mistake of the host', () => {
  expect(() => resilient(toneRecognizer(), { silentMs: 0 })).toThrow(TypeError);
  expect(() => resilient(toneRecognizer(), { keptMs: Number.NaN })).toThrow('keptMs');
  expect(() => resilient([])).toThrow(TypeError);
});

test.each(['lost', 'refused'] as const)(
  '%s when all was heard: the results end all the same',
  async (fate) => {
    const inner = toneRecognizer();
    const { said, audio } = meeting(83, 12);
    const { stream, heard } = await start(inner);
    inner.streams[0]?.neverEnd();
    await writeAll(stream, audio);
    stream.finish();
    await expect.poll(heard.words).toEqual(said[0]);
    inner.refusals.push(...Array.from({ length: 1_000 }, passing));
    inner.streams[0]?.fall(fate);
    expect(await heard.outcome).toBe('ended');
    expect(inner.streams.length).toBe(1);
  },
);

test('a stream that does not end is given up, although nobody spoke last', async () => {
  const inner = toneRecognizer();
  const { stream, heard } = await start(inner, { silentMs: 30 });
  inner.streams[0]?.neverEnd();
  await writeAll(stream, pcm('the budget', { tailMs: 6_000 }));
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expect(heard.words()).toEqual(['the', 'budget']);
});

test('words that a flush brings late, long after the sender paused, end their utterance too', async () => {
  vi.useFakeTimers();
  const inner = toneRecognizer();
  const { stream, heard } = await start(inner);
  const [first] = inner.streams;
  const flush = first?.flush.bind(first);
  if (first) first.flush = () => void setTimeout(() => flush?.(), 5_000);
  await writeAll(stream, pcm('the budget', { tailMs: 120 }));
  await vi.advanceTimersByTimeAsync(4_000);
  expect(heard.words()).toEqual([]);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(heard.words()).toEqual(['the', 'budget']);
  expect(heard.results.at(-1)).toEqual({ kind: 'utterance-end', channel: 0 });
});

test('failures with words in between are not in a row', async () => {
  vi.useFakeTimers();
  const inner = toneRecognizer();
  const { stream, heard } = await start(inner, { failuresBeforeProbing: 3, probeMs: 60_000 });
  const { said, audio } = meeting(89, 100);
  for (let second = 0; second * 32_000 < audio.length; second += 1) {
    await stream.write(audio.subarray(second * 32_000, (second + 1) * 32_000));
    await vi.advanceTimersByTimeAsync(100);
    if (second % 5 === 4) inner.streams.at(-1)?.fall('lost');
  }
  stream.finish();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await heard.outcome).toBe('ended');
  expect(inner.streams.length).toBeGreaterThan(5);
  expectWords(heard.results, said[0] ?? []);
});
