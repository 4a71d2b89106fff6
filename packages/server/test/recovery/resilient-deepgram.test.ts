/** Through the real SDK against the simulator: words said against words told, by value, order and time. */

import {
  type DeepgramSimulator,
  type DeepgramSimulatorOptions,
  type FaultProxy,
  openFaultProxy,
  startDeepgramSimulator,
} from '@meetcast/testing';
import { recognizerContract } from '@meetcast/testing/contracts';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { listenTo, pcm, request, silence, writeAll } from '../../../testing/src/contracts/streams.ts';
import { deepgram } from '../../src/recognizer/deepgram.ts';
import type { RecognizerStream } from '../../src/recognizer/recognizer.ts';
import { type ResilientOptions, resilient } from '../../src/recovery/resilient.ts';
import { expectTiled, expectWords, meeting, statesOf, unheardOf, utterancesOf } from '../recognizer/told.ts';
import { seeded } from '../support/random.ts';
import { roundTrips } from '../support/round-trip.ts';

const never = new AbortController().signal;
const quick: ResilientOptions = {
  backoff: { minMs: 10, maxMs: 200 },
  failuresBeforeProbing: 1_000,
  silentMs: 400,
  replayPace: Number.POSITIVE_INFINITY,
};
/** Nobody is taken for silent, or for having paused, because this machine was busy. */
const patient: ResilientOptions = { silentMs: 60_000, pauseMs: 60_000 };
/** Silence is noticed, and a machine that is busy for a while is none. */
const silentMs = 3_000;
/** Outages as long as they are in life, many random meetings. */
const isLong = process.env.MEETCAST_FAULT_LONG !== undefined;

recognizerContract('the contract', async () => {
  const simulator = await startDeepgramSimulator({ pace: 0 });
  return {
    recognizer: resilient(deepgram({ apiKey: 'key', endpoint: simulator.url }), {
      ...quick,
      silentMs: 8_000,
    }),
    endures: true,
    refuse() {
      simulator.fault({ kind: 'refuse', status: 402, times: 1 });
      return { status: 402, words: 'not have enough credits', isRetryable: false };
    },
    drop: () => simulator.fault({ kind: 'close', code: 1008 }),
    crawl: () => simulator.fault({ kind: 'slow-reader', bytesPerSecond: 2_000_000 }),
    openStreams: () => simulator.streams.filter((stream) => stream.open).length,
    async leave() {
      simulator.fault({ kind: 'away' });
    },
    close: () => simulator.close(),
  };
});

let running: DeepgramSimulator | undefined;
let proxy: FaultProxy | undefined;
const streams: RecognizerStream[] = [];

afterEach(async () => {
  vi.useRealTimers();
  for (const stream of streams.splice(0)) stream.abort();
  await proxy?.close();
  await running?.close();
  [running, proxy] = [undefined, undefined];
});

async function simulate(options: DeepgramSimulatorOptions = {}): Promise<DeepgramSimulator> {
  running = await startDeepgramSimulator({ pace: 0, ...options });
  return running;
}

interface Setup {
  readonly options?: ResilientOptions;
  readonly channels?: number;
  readonly multichannel?: boolean;
  readonly endpoint?: string;
}

async function start({ options = {}, channels = 1, multichannel = false, endpoint }: Setup = {}) {
  const inner = deepgram({ apiKey: 'key', endpoint: endpoint ?? running?.url ?? '', multichannel });
  const stream = await resilient(inner, { ...quick, ...options }).open({ ...request, channels }, never);
  streams.push(stream);
  return { stream, heard: listenTo(stream) };
}

const passMs = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Writes at so many times real time, as a sender does whatever becomes of the recognizer. */
async function speakAt(
  speed: number,
  stream: RecognizerStream,
  audio: Uint8Array,
  channels = 1,
): Promise<void> {
  const from = performance.now();
  const frame = 3_200 * channels;
  for (let at = 0; at < audio.length; at += frame) {
    await stream.write(audio.subarray(at, at + frame));
    const aheadMs = at / 32 / channels / speed - (performance.now() - from);
    if (aheadMs > 0) await passMs(aheadMs);
  }
}

type Heard = Awaited<ReturnType<typeof start>>['heard'];

function expectMeeting({ results }: Heard, { said, endMs }: ReturnType<typeof meeting>): void {
  for (const [channel, words] of said.entries()) {
    expectWords(results, words, channel);
    expectTiled(results, endMs, channel);
  }
  expect(unheardOf(results)).toEqual([]);
  const stored = utterancesOf(results, said.length).flatMap(({ text }) => text.split(' '));
  expect(stored.toSorted()).toEqual(said.flat().toSorted());
}

/** Nothing is left on the other side. */
const expectAllClosed = () => expect.poll(() => running?.streams.some(({ open }) => open)).toBe(false);

describe.each(['mono', 'multichannel', 'mixed'] as const)('%s', (kind) => {
  test.each([
    { kind: 'fin' },
    { kind: 'rst' },
    { kind: 'silence' },
    { kind: 'close', code: 1011 },
    { kind: 'close', code: 1012 },
    { kind: 'close', code: 1000 },
  ] as const)('no word is lost or said twice: %j in mid-meeting', async (fault) => {
    const simulator = await simulate({ faults: [{ ...fault, afterAudioMs: 5_230 }] });
    const said = meeting(41, 40, kind);
    const { channels } = said;
    const options = fault.kind === 'silence' ? { ...patient, silentMs } : patient;
    const { stream, heard } = await start({ channels, multichannel: kind === 'multichannel', options });
    await speakAt(40, stream, said.audio, channels);
    stream.finish();
    expect(await heard.outcome).toBe('ended');
    expectMeeting(heard, said);
    expect(simulator.streams.length).toBe(2);
    const trouble = fault.kind === 'silence' ? 'silent' : 'reconnecting';
    expect(statesOf(heard.results)).toEqual([trouble, 'recovered']);
    await expectAllClosed();
  });
});

test.each(isLong ? [1, 5, 30, 90] : [1, 5])(
  'nobody answers for %i s: no word lost, none twice',
  { timeout: 200_000 },
  async (seconds) => {
    const simulator = await simulate();
    // The proxy keeps the port meanwhile: nobody else can listen there and answer.
    const link = await openFaultProxy({ port: simulator.port });
    proxy = link;
    const said = meeting(43, isLong ? 400 : 120);
    const { stream, heard } = await start({
      endpoint: `ws://127.0.0.1:${link.port}`,
      options: { backoff: { minMs: 100, maxMs: isLong ? 10_000 : 1_000 } },
    });
    const speaking = speakAt(isLong ? 1.3 : 8, stream, said.audio);
    await expect.poll(() => heard.words().length).toBeGreaterThan(20);
    link.refuse(true);
    const back = setTimeout(() => link.refuse(false), seconds * 1_000);
    await speaking;
    stream.finish();
    expect(await heard.outcome).toBe('ended');
    expectMeeting(heard, said);
    clearTimeout(back);
    await expectAllClosed();
  },
);

test('too many streams for a while, at the start and in mid-meeting: the sender notices nothing', async () => {
  const simulator = await simulate({ faults: [{ kind: 'refuse', status: 429, times: 3 }] });
  const said = meeting(47, 60);
  const half = 3_200 * Math.floor(said.audio.length / 6_400);
  const { stream, heard } = await start({ options: patient });
  await speakAt(20, stream, said.audio.subarray(0, half));
  await expect.poll(() => heard.words().length).toBeGreaterThan(10);
  simulator.fault({ kind: 'refuse', status: 503, times: 3 });
  simulator.fault({ kind: 'rst' });
  await speakAt(20, stream, said.audio.subarray(half));
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expectMeeting(heard, said);
  expect(simulator.refused.map(({ status }) => status)).toEqual([429, 429, 429, 503, 503, 503]);
  expect(statesOf(heard.results)).toEqual(['reconnecting', 'recovered', 'reconnecting', 'recovered']);
});

test('refused for a while with every handshake', { timeout: 120_000 }, async () => {
  const simulator = await simulate({ faults: [{ kind: 'refuse', status: 429 }] });
  const said = meeting(53, isLong ? 200 : 60);
  const { stream, heard } = await start();
  const speaking = speakAt(isLong ? 1.1 : 20, stream, said.audio);
  await passMs(isLong ? 60_000 : 1_500);
  await simulator.clear();
  await speaking;
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expectMeeting(heard, said);
});

test.each([
  [401, 'DEEPGRAM_API_KEY'],
  [402, 'out of credit'],
  [403, 'access to this model'],
] as const)(
  'a refusal with %i says why in one sentence, at the start and after a loss',
  async (status, advice) => {
    const simulator = await simulate({ faults: [{ kind: 'refuse', status, times: 1 }] });
    await expect(start()).rejects.toThrow(advice);
    const said = meeting(59, 30);
    const { stream, heard } = await start({ options: patient });
    await speakAt(40, stream, said.audio.subarray(0, 160_000));
    await expect.poll(() => heard.words().length).toBeGreaterThan(5);
    simulator.fault({ kind: 'refuse', status });
    simulator.fault({ kind: 'fin' });
    const error = await heard.outcome;
    expect(error).toMatchObject({ name: 'RecognizerError', retryable: false, code: status });
    expect((error as Error).message).toContain(advice);
    expect(said.said[0]?.slice(0, heard.words().length)).toEqual(heard.words());
    const [rest] = unheardOf(heard.results);
    expect(rest).toMatchObject({ cause: 'refused', endMs: 5_000, startMs: heard.finals().at(-1)?.endMs });
  },
);

test('lost again in the replay, and twice within one word', async () => {
  const said = meeting(61, 40);
  for (const later of [[900], [560], [500, 520, 540], [300, 2_100], [1, 1, 1]]) {
    const simulator = await simulate({ faults: [{ kind: 'rst', afterAudioMs: 5_310 }] });
    for (const afterAudioMs of later) simulator.fault({ kind: 'fin', afterAudioMs });
    const { stream, heard } = await start({ options: patient });
    await speakAt(40, stream, said.audio);
    stream.finish();
    expect(await heard.outcome).toBe('ended');
    expectMeeting(heard, said);
    expect(simulator.streams.length).toBe(2 + later.length);
    await simulator.close();
  }
});

test('lost while the last words are awaited, and while nobody answers then', async () => {
  for (const fault of [{ kind: 'close', code: 1000 }, { kind: 'rst' }, { kind: 'silence' }] as const) {
    const said = meeting(67, 24);
    const simulator = await simulate({ faults: [{ ...fault, afterAudioMs: said.endMs - 1 }] });
    const { stream, heard } = await start();
    await speakAt(40, stream, said.audio);
    stream.finish();
    simulator.fault({ kind: 'away', forMs: 300 });
    expect(await heard.outcome).toBe('ended');
    expectMeeting(heard, said);
    await simulator.close();
  }
});

test('a link that stalls, is reset, or ends within a message', async () => {
  const simulator = await simulate();
  proxy = await openFaultProxy({ port: simulator.port });
  const said = meeting(71, 100);
  const { stream, heard } = await start({
    endpoint: `ws://127.0.0.1:${proxy.port}`,
    options: { ...patient, silentMs },
  });
  const quarter = 3_200 * Math.ceil(said.audio.length / 12_800);
  /** Each trouble meets words on their way. */
  const speak = (nth: number) => speakAt(20, stream, said.audio.subarray((nth - 1) * quarter, nth * quarter));
  await speak(1);
  await expect.poll(() => heard.words().length).toBeGreaterThan(5);
  proxy.cutAfter(1_000);
  await speak(2);
  await expect.poll(() => statesOf(heard.results).length).toBe(2);
  proxy.stall(true);
  await speak(3);
  await expect.poll(() => statesOf(heard.results).length).toBe(3);
  proxy.stall(false);
  await expect.poll(() => statesOf(heard.results).length).toBe(4);
  proxy.refuse(true);
  await expect.poll(() => statesOf(heard.results).length).toBe(5);
  await speak(4);
  proxy.refuse(false);
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expectMeeting(heard, said);
  expect(statesOf(heard.results)).toEqual([
    'reconnecting',
    'recovered',
    'silent',
    'recovered',
    'reconnecting',
    'recovered',
  ]);
});

test('with Deepgram’s own pace and the defaults: the replay keeps to it, and the live words follow', {
  timeout: 120_000,
}, async () => {
  const simulator = await simulate({ pace: 1.25, faults: [{ kind: 'rst', afterAudioMs: 3_000 }] });
  const said = meeting(73, 30);
  const inner = deepgram({ apiKey: 'key', endpoint: simulator.url });
  const stream = await resilient(inner).open(request, never);
  streams.push(stream);
  const heard = listenTo(stream);
  await speakAt(1, stream, said.audio);
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expectMeeting(heard, said);
});

const roundTrip = roundTrips();

/** Lets time pass, in steps that leave the sockets time to follow. */
async function pass(seconds: number): Promise<void> {
  for (let step = 0; step < seconds * 4; step += 1) {
    await vi.advanceTimersByTimeAsync(250);
    await roundTrip(3);
  }
}

const fakeTime = () =>
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });

test('a pause costs no audio: one Finalize brings the words, KeepAlive keeps the stream, and it goes on', async () => {
  fakeTime();
  const simulator = await simulate();
  const { stream, heard } = await start({ options: { silentMs: 8_000 } });
  await writeAll(stream, pcm('the budget', { tailMs: 120 }));
  await pass(60);
  const [record] = simulator.streams;
  expect(record?.texts.filter((text) => text.includes('Finalize')).length).toBe(1);
  expect(record?.texts.filter((text) => text.includes('KeepAlive')).length).toBeGreaterThan(8);
  expect(record?.audioSeconds).toBeCloseTo(0.82, 5);
  expect(heard.words()).toEqual(['the', 'budget']);
  await writeAll(stream, pcm('meeting'));
  stream.finish();
  await pass(1);
  expect(await heard.outcome).toBe('ended');
  expect(heard.words()).toEqual(['the', 'budget', 'meeting']);
  expect(utterancesOf(heard.results).map(({ text }) => text)).toEqual(['the budget', 'meeting']);
  expect([simulator.streams.length, statesOf(heard.results)]).toEqual([1, []]);
});

test('the alarm for a half-open stream comes within ten seconds, and silence raises none', async () => {
  fakeTime();
  const simulator = await simulate();
  const { stream, heard } = await start({ options: { silentMs: 8_000 } });
  await pass(1);
  simulator.fault({ kind: 'silence' });
  for (let half = 0; half < 60; half += 1) {
    void stream.write(silence(0.5));
    await pass(0.5);
  }
  expect(statesOf(heard.results)).toEqual([]);
  const { audio } = meeting(79, 40);
  for (let second = 0; second < 10; second += 1) {
    void stream.write(audio.subarray(second * 32_000, (second + 1) * 32_000));
    await pass(1);
  }
  expect(statesOf(heard.results)[0]).toBe('silent');
  stream.abort();
  await heard.outcome;
});

test('abort at any moment leaves no connection and no timer', async () => {
  fakeTime();
  const simulator = await simulate();
  const before = vi.getTimerCount();
  for (const fault of [
    undefined,
    { kind: 'rst' },
    { kind: 'away' },
    { kind: 'refuse', status: 429 },
  ] as const) {
    const { stream, heard } = await start({ options: { replayPace: 1.25 } });
    void stream.write(pcm('the budget meeting'));
    if (fault) simulator.fault(fault);
    await pass(0.5);
    stream.abort();
    expect(await heard.outcome).toBe('ended');
    await simulator.clear();
    await expectAllClosed();
    await pass(0.25);
    expect(vi.getTimerCount()).toBe(before);
  }
});

const runs = Number(process.env.MEETCAST_RUNS ?? 6);

test(`${runs} random meetings with faults at random places`, { timeout: 900_000 }, async () => {
  const simulator = await simulate();
  for (let seed = 1; seed <= runs; seed += 1) {
    const random = seeded(seed);
    const kind = (['mono', 'multichannel', 'mixed'] as const)[seed % 3] ?? 'mono';
    const said = meeting(seed, 20 + Math.floor(random() * 20), kind);
    const { channels } = said;
    for (let faults = Math.floor(random() * 4); faults >= 0; faults -= 1) {
      const afterAudioMs = random() ** 2 * said.endMs;
      const choices = ['fin', 'rst', 'silence', 1000, 1011, 1012] as const;
      const choice = choices[Math.floor(random() * choices.length)] ?? 'fin';
      simulator.fault(
        typeof choice === 'number'
          ? { kind: 'close', code: choice, afterAudioMs }
          : { kind: choice, afterAudioMs },
      );
    }
    if (random() < 0.3) simulator.fault({ kind: 'refuse', status: 503, times: 1 + Math.floor(random() * 3) });
    const { stream, heard } = await start({
      channels,
      multichannel: kind === 'multichannel',
      options: { silentMs: 150 },
    });
    await speakAt(60, stream, said.audio, channels);
    stream.finish();
    expect(await heard.outcome, `seed ${seed}`).toBe('ended');
    expectMeeting(heard, said);
    await simulator.clear();
    await expectAllClosed();
  }
});
