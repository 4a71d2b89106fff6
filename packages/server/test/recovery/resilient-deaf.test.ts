import { afterEach, expect, test } from 'vitest';
import type { RecognizerStream } from '../../src/recognizer/recognizer.ts';
import { type ResilientOptions, resilient } from '../../src/recovery/resilient.ts';
import { listenTo, request, silence } from '../recognizer/recognizer-contract.ts';
import { bytesOf, expectTiled, expectWords, meeting, statesOf, unheardOf } from '../recognizer/told.ts';
import { toneRecognizer } from '../recognizer/tone-recognizer.ts';
import { seeded } from '../support/random.ts';

const never = new AbortController().signal;
const quick: ResilientOptions = { retryMinMs: 1, retryMaxMs: 4, replayPace: Number.POSITIVE_INFINITY };

const open: RecognizerStream[] = [];
afterEach(() => {
  for (const stream of open.splice(0)) stream.abort();
});

async function start(inner = toneRecognizer(), options: ResilientOptions = {}, channels = 1) {
  const stream = await resilient(inner, { ...quick, ...options }).open({ ...request, channels }, never);
  open.push(stream);
  return { inner, stream, heard: listenTo(stream) };
}

async function play(stream: RecognizerStream, audio: Uint8Array): Promise<void> {
  for (let at = 0; at < audio.length; at += 3_200) {
    await stream.write(audio.subarray(at, at + 3_200));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** As loud as speech, and no words. */
function music(seconds: number): Uint8Array {
  const random = seeded(seconds);
  return bytesOf(new Int16Array(seconds * 16_000).map(() => (random() - 0.5) * 8_000));
}

test.each(['mono', 'multichannel', 'mixed'] as const)(
  '%s: a stream that answers speech without words costs none, and none is said twice',
  async (kind) => {
    const { said, audio, channels, endMs } = meeting(31, 80, kind);
    const inner = toneRecognizer({ multichannel: kind === 'multichannel' });
    inner.fates.push({ kind: 'deaf', afterBytes: Math.floor(audio.length * 0.31) });
    const { stream, heard } = await start(inner, {}, channels);
    await play(stream, audio);
    stream.finish();
    expect(await heard.outcome).toBe('ended');
    for (const [channel, words] of said.entries()) {
      expectWords(heard.results, words, channel);
      expectTiled(heard.results, endMs, channel);
    }
    expect(inner.streams.length).toBe(2);
    expect(statesOf(heard.results)).toEqual(['silent', 'recovered']);
  },
);

test('music is asked for once more and then believed to be none, until there are words again', async () => {
  const { inner, stream, heard } = await start();
  const { said, audio } = meeting(37, 12);
  await play(stream, music(300));
  expect(inner.streams.length).toBe(2);
  expect(statesOf(heard.results)).toEqual(['silent', 'recovered']);
  expect(heard.finals().at(-1)?.endMs).toBeGreaterThan(290_000);
  await play(stream, audio);
  await play(stream, music(12));
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expect(heard.words()).toEqual(said[0]);
  expect(inner.streams.length).toBe(2);
  expect(unheardOf(heard.results)).toEqual([]);
});

test('words that come before music again and again do not make it ask each time', async () => {
  const { inner, stream, heard } = await start();
  const words: string[] = [];
  for (let round = 0; round < 20; round += 1) {
    const { said, audio } = meeting(41 + round, 3);
    words.push(...(said[0] ?? []));
    await play(stream, audio);
    await play(stream, music(20));
  }
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expect(heard.words()).toEqual(words);
  expect(inner.streams.length).toBeLessThanOrEqual(3);
});

const pauseNever = 600_000;

test('what nobody has worded is told late by no more than twice the patience', async () => {
  const { inner, stream, heard } = await start(toneRecognizer(), { pauseMs: pauseNever });
  for (let round = 0; round < 30; round += 1) {
    await play(stream, music(1).subarray(0, 9_600));
    await play(stream, silence(8));
    // A second stream that is asked may still be on its way.
    await expect.poll(() => (round + 1) * 8_300 - (heard.finals().at(-1)?.endMs ?? 0)).toBeLessThan(22_000);
  }
  expect(inner.streams.length).toBeLessThanOrEqual(2);
});

test('what nobody has worded is told at once in a pause', async () => {
  const { stream, heard } = await start(toneRecognizer(), { pauseMs: 20 });
  await play(stream, music(2));
  await expect.poll(() => heard.finals().at(-1)?.endMs ?? 0).toBeGreaterThan(1_000);
});

test('nothing is believed to be wordless because the second stream was lost as well', async () => {
  const { said, audio, endMs } = meeting(43, 80);
  const inner = toneRecognizer();
  inner.fates.push(
    { kind: 'deaf', afterBytes: 100_000 },
    { kind: 'lost', afterBytes: 60_000, swallows: 3 },
    { kind: 'silent', afterBytes: 90_000 },
  );
  const { stream, heard } = await start(inner, { silentMs: 2_000 });
  await play(stream, audio);
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expectWords(heard.results, said[0] ?? []);
  expectTiled(heard.results, endMs);
});
