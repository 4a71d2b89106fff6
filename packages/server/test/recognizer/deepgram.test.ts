import {
  type DeepgramSimulator,
  type DeepgramSimulatorOptions,
  interleave,
  speak,
  startDeepgramSimulator,
} from '@meetcast/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { deepgram } from '../../src/recognizer/deepgram.ts';
import { roundTrips } from '../support/round-trip.ts';
import { listenTo, pcm, recognizerContract, request, silence, writeAll } from './recognizer-contract.ts';

const never = new AbortController().signal;

describe('the contract', () => {
  recognizerContract(async () => {
    const simulator = await startDeepgramSimulator({ pace: 0 });
    return {
      recognizer: deepgram({ apiKey: 'key', endpoint: simulator.url }),
      refuse() {
        simulator.fault({ kind: 'refuse', status: 503, times: 1 });
        return { status: 503, words: 'Please try again later', isRetryable: true };
      },
      drop: (cleanly) => simulator.fault(cleanly ? { kind: 'close', code: 1000 } : { kind: 'rst' }),
      crawl: () => simulator.fault({ kind: 'slow-reader', bytesPerSecond: 2_000_000 }),
      openStreams: () => simulator.streams.filter((stream) => stream.open).length,
      async leave() {
        simulator.fault({ kind: 'away' });
      },
      close: () => simulator.close(),
    };
  });
});

let running: DeepgramSimulator | undefined;

afterEach(async () => {
  vi.useRealTimers();
  await running?.close();
  running = undefined;
});

async function simulate(options: DeepgramSimulatorOptions = {}): Promise<DeepgramSimulator> {
  running = await startDeepgramSimulator({ pace: 0, ...options });
  return running;
}

const queryOf = (simulator: DeepgramSimulator) =>
  Object.fromEntries(new URLSearchParams(simulator.streams[0]?.query));

test('a stream asks for what the segmenter needs, and for what the options and the sender say', async () => {
  const simulator = await simulate();
  const recognizer = deepgram({
    apiKey: 'key',
    endpoint: `${simulator.url}/v1/listen`,
    keyterms: ['meetcast'],
    endpointingMs: 500,
  });
  (await recognizer.open({ ...request, sampleRate: 48_000, channels: 2, language: 'tr' }, never)).abort();
  expect(queryOf(simulator)).toMatchObject({
    model: 'nova-3',
    language: 'tr',
    encoding: 'linear16',
    sample_rate: '48000',
    channels: '2',
    multichannel: 'false',
    interim_results: 'true',
    diarize: 'true',
    endpointing: '500',
    keyterm: 'meetcast',
  });
  expect(simulator.streams[0]?.headers.authorization).toBe('Token key');
});

test('a sender that says auto, or nothing, gets the language of the options, or several', async () => {
  for (const [option, asked, expected] of [
    [undefined, undefined, 'multi'],
    [undefined, 'auto', 'multi'],
    ['tr', 'auto', 'tr'],
    ['tr', undefined, 'tr'],
    ['tr', 'en', 'en'],
  ] as const) {
    const simulator = await startDeepgramSimulator();
    const options = { apiKey: 'key', endpoint: simulator.url, ...(option ? { language: option } : {}) };
    (await deepgram(options).open({ ...request, ...(asked ? { language: asked } : {}) }, never)).abort();
    expect(queryOf(simulator).language).toBe(expected);
    await simulator.close();
  }
});

test('a refusal names the status, Deepgram’s own words and what to do, and whether to come back', async () => {
  const simulator = await simulate();
  const recognizer = deepgram({ apiKey: 'never-to-be-shown', endpoint: simulator.url });
  for (const [status, words, advice, retryable] of [
    [401, 'Invalid credentials', 'DEEPGRAM_API_KEY', false],
    [402, 'not have enough credits', 'credit', false],
    [403, 'access to the requested model', 'model', false],
    [429, 'Too many requests', 'too many streams', true],
    [503, 'try again later', '', true],
  ] as const) {
    simulator.fault({ kind: 'refuse', status, times: 1 });
    const error = await recognizer.open(request, never).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'RecognizerError', code: status, retryable });
    for (const part of [String(status), words, advice]) expect((error as Error).message).toContain(part);
    expect((error as Error).message).not.toContain('never-to-be-shown');
  }
});

test('a handshake that nobody answers is given up', async () => {
  const simulator = await simulate({ faults: [{ kind: 'slow-upgrade', delayMs: 5_000 }] });
  const recognizer = deepgram({ apiKey: 'key', endpoint: simulator.url, connectTimeoutMs: 50 });
  await expect(recognizer.open(request, never)).rejects.toMatchObject({
    name: 'RecognizerError',
    retryable: true,
  });
});

test('only a close for bad data is not worth another try', async () => {
  const simulator = await simulate();
  const recognizer = deepgram({ apiKey: 'key', endpoint: simulator.url });
  for (const [code, retryable] of [
    [1000, true],
    [1008, false],
    [1011, true],
    [1012, true],
  ] as const) {
    const heard = listenTo(await recognizer.open(request, never));
    simulator.fault({ kind: 'close', code, reason: 'because' });
    const error = await heard.outcome;
    expect(error).toMatchObject({ name: 'RecognizerError', code, retryable });
    expect((error as Error).message).toContain('because');
  }
});

test('a stream that ends in order without a status has ended in order', async () => {
  const simulator = await simulate({ faults: [{ kind: 'no-status' }] });
  const stream = await deepgram({ apiKey: 'key', endpoint: simulator.url }).open(request, never);
  const heard = listenTo(stream);
  await writeAll(stream, pcm('the budget'));
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expect(heard.words()).toEqual(['the', 'budget']);
});

test('a connection that breaks while the last words are awaited is a loss', async () => {
  const simulator = await simulate();
  const stream = await deepgram({ apiKey: 'key', endpoint: simulator.url }).open(request, never);
  const heard = listenTo(stream);
  simulator.fault({ kind: 'silence' });
  stream.finish();
  await simulator.close();
  running = undefined;
  expect(await heard.outcome).toMatchObject({ name: 'RecognizerError', retryable: true });
});

test('a clean close after the end of the audio and before the summary is a loss: last words may be missing', async () => {
  const simulator = await simulate();
  const stream = await deepgram({ apiKey: 'key', endpoint: simulator.url }).open(request, never);
  const heard = listenTo(stream);
  stream.finish();
  simulator.fault({ kind: 'close', code: 1000 });
  expect(await heard.outcome).toMatchObject({ name: 'RecognizerError', code: 1000, retryable: true });
});

test('several channels may be heard apart', async () => {
  const simulator = await simulate();
  const recognizer = deepgram({ apiKey: 'key', endpoint: simulator.url, multichannel: true });
  const stream = await recognizer.open({ ...request, channels: 2 }, never);
  const heard = listenTo(stream);
  const samples = interleave(
    ['the budget', 'new meeting'].map((text) => speak(text, { sampleRate: 16_000 })),
  );
  await writeAll(stream, new Uint8Array(samples.buffer), 6_400);
  stream.finish();
  await heard.outcome;
  expect(stream.channels).toBe(2);
  const of = (channel: number) =>
    heard.finals().flatMap((span) => (span.channel === channel ? span.words.map(({ text }) => text) : []));
  expect([of(0), of(1)]).toEqual([
    ['the', 'budget'],
    ['new', 'meeting'],
  ]);
});

const roundTrip = roundTrips();

/** Lets time pass, in steps that leave the sockets time to follow. */
async function pass(seconds: number): Promise<void> {
  for (let step = 0; step < seconds * 2; step += 1) {
    await vi.advanceTimersByTimeAsync(500);
    await roundTrip(2);
  }
}

const fakeTime = () =>
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });

test('a stream that is idle after audio is kept open past Deepgram’s ten seconds', async () => {
  fakeTime();
  const simulator = await simulate();
  const stream = await deepgram({ apiKey: 'key', endpoint: simulator.url }).open(request, never);
  const heard = listenTo(stream);
  await writeAll(stream, pcm('the budget'));
  await pass(45);
  expect(simulator.streams[0]).toMatchObject({ open: true });
  expect(simulator.streams[0]?.texts.filter((text) => text.includes('KeepAlive')).length).toBeGreaterThan(5);
  await writeAll(stream, pcm('meeting'));
  stream.finish();
  await pass(1);
  expect(await heard.outcome).toBe('ended');
  expect(heard.words()).toEqual(['the', 'budget', 'meeting']);
  // KeepAlive is no audio: the stream's time stood still.
  expect(heard.finals().at(-1)?.endMs).toBeCloseTo(1_000 + 700, -1);
});

test('a pause before the first word is bridged with silence, which shifts no time', async () => {
  fakeTime();
  const simulator = await simulate();
  const stream = await deepgram({ apiKey: 'key', endpoint: simulator.url }).open(request, never);
  const heard = listenTo(stream);
  await pass(45);
  expect(simulator.streams[0]).toMatchObject({ open: true });
  expect(simulator.streams[0]?.audioBytes).toBe(3_200);
  const audio = pcm('the budget meeting');
  await writeAll(stream, audio);
  stream.finish();
  await pass(1);
  expect(await heard.outcome).toBe('ended');
  const times = heard
    .finals()
    .flatMap(({ words }) => words.map(({ startMs }) => Math.round(startMs / 10) * 10));
  expect(times).toEqual([100, 400, 700]);
  expect(heard.finals().at(-1)?.endMs).toBeCloseTo(audio.length / 32, -1);
});

test('a stream that is given audio all the time is sent no KeepAlive', async () => {
  fakeTime();
  const simulator = await simulate();
  const stream = await deepgram({ apiKey: 'key', endpoint: simulator.url }).open(request, never);
  const heard = listenTo(stream);
  for (let second = 0; second < 20; second += 1) {
    await stream.write(silence(1));
    await pass(1);
  }
  expect(simulator.streams[0]?.texts).toEqual([]);
  stream.abort();
  await heard.outcome;
});

test('a system clock that is set back does not let an idle stream be closed', async () => {
  fakeTime();
  const simulator = await simulate();
  const stream = await deepgram({ apiKey: 'key', endpoint: simulator.url }).open(request, never);
  const heard = listenTo(stream);
  await stream.write(silence(1));
  vi.setSystemTime(Date.now() - 3_600_000);
  await pass(30);
  expect(simulator.streams[0]).toMatchObject({ open: true });
  stream.abort();
  await heard.outcome;
});

test('an ended stream leaves no timer behind', async () => {
  fakeTime();
  const simulator = await simulate();
  const before = vi.getTimerCount();
  const stream = await deepgram({ apiKey: 'key', endpoint: simulator.url }).open(request, never);
  const heard = listenTo(stream);
  stream.abort();
  await heard.outcome;
  await expect.poll(() => simulator.streams[0]?.open).toBe(false);
  await roundTrip(3);
  expect(vi.getTimerCount()).toBe(before);
});
