/** The simulator through the real SDK, as a hub would use it. */

import { DeepgramClient } from '@deepgram/sdk';
import { afterEach, expect, test } from 'vitest';
import {
  type DeepgramSimulator,
  randomWords,
  speak,
  startDeepgramSimulator,
  wordTimes,
} from '../../src/index.ts';

let simulator: DeepgramSimulator | undefined;

afterEach(() => simulator?.close());

const format = { model: 'nova-3', encoding: 'linear16', sample_rate: 16_000, channels: 1 } as const;

test('the real SDK gets every word that was said, once, with its time', async () => {
  simulator = await startDeepgramSimulator({ keys: ['good-key'], pace: 0 });
  const client = new DeepgramClient({ apiKey: 'good-key', baseUrl: simulator.url });
  const stream = await client.listen.v1.connect({
    ...format,
    interim_results: 'true',
    endpointing: 300,
    utterance_end_ms: 1000,
    vad_events: 'true',
    diarize: 'true',
    keyterm: ['meetcast', 'pnpm workspace'],
    reconnectAttempts: 0,
  });
  const heard: Array<{ word: string; start: number }> = [];
  const types: string[] = [];
  stream.on('message', (message) => {
    types.push(message.type);
    if (message.type !== 'Results' || !message.is_final) return;
    heard.push(...(message.channel.alternatives[0]?.words ?? []));
  });
  const closed = new Promise<number>((resolve) => stream.on('close', ({ code }) => resolve(code)));
  stream.connect();
  await stream.waitForOpen();

  const words = randomWords(60, 7);
  const audio = speak(words, { sampleRate: 16_000 });
  for (let at = 0; at < audio.length; at += 1600) stream.sendMedia(audio.subarray(at, at + 1600));
  stream.sendCloseStream({ type: 'CloseStream' });

  expect(await closed).toBe(1000);
  expect(heard.map(({ word }) => word)).toEqual(words);
  for (const [place, { start }] of heard.entries()) expect(start).toBeCloseTo(wordTimes(place).start, 2);
  expect(types.at(-1)).toBe('Metadata');
  expect(simulator.streams[0]?.query).toContain('keyterm=meetcast&keyterm=pnpm%20workspace');
  expect(simulator.streams[0]?.headers.authorization).toBe('Token good-key');
});

test('the real SDK reports a refused key', async () => {
  simulator = await startDeepgramSimulator({ keys: ['good-key'] });
  const client = new DeepgramClient({ apiKey: 'bad-key', baseUrl: simulator.url });
  const stream = await client.listen.v1.connect({ ...format, reconnectAttempts: 0 });
  const failed = new Promise<Error>((resolve) => stream.on('error', resolve));
  stream.connect();
  expect((await failed).message).toContain('401');
  expect(simulator.refused.map(({ status }) => status)).toEqual([401]);
});
