import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { AsyncQueue } from '../../src/lib/async-queue.ts';
import { RecognizerError } from '../../src/lib/errors.ts';
import type { RecognitionResult, RecognizedWord, Recognizer } from '../../src/recognizer/recognizer.ts';
import { resilient } from '../../src/recovery/resilient.ts';
import { request } from '../recognizer/recognizer-contract.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

const format = { sampleRate: 8_000, channels: 1 };
const bytesPerSecond = 16_000;
const hours = 8;

/** Says eight words every four seconds of audio, and ends every session after two hours. */
const twoHourSessions: Recognizer = {
  async open() {
    const results = new AsyncQueue<RecognitionResult>();
    let [seconds, said] = [0, 0];
    return {
      channels: 1,
      results,
      write(audio) {
        seconds += audio.length / bytesPerSecond;
        for (; seconds - said >= 4; said += 4) results.push(final(said));
        if (seconds >= 7_200)
          results.end({ error: new RecognizerError('session over', { retryable: true }) });
        return undefined;
      },
      flush() {},
      finish() {
        results.push(final(said, seconds));
        results.end();
      },
      abort: () => results.end(),
    };
  },
};

function final(seconds: number, endSeconds = seconds + 4): RecognitionResult {
  const startMs = seconds * 1000;
  const words = Array.from({ length: 8 }, (_, place): RecognizedWord => {
    const at = startMs + place * 400 + 50;
    return { text: `word${place}`, startMs: at, endMs: at + 300 };
  }).filter(({ endMs }) => endMs <= endSeconds * 1000);
  const text = words.map((word) => word.text).join(' ');
  const endsUtterance = seconds % 20 === 0;
  return {
    kind: 'span',
    channel: 0,
    startMs,
    endMs: endSeconds * 1000,
    isFinal: true,
    endsUtterance,
    text,
    words,
  };
}

test('eight hours with a new session every two: memory stays flat, and the time is exact', {
  timeout: 300_000,
}, async () => {
  const recognizer = resilient(twoHourSessions, {
    retryMinMs: 1,
    retryMaxMs: 1,
    replayPace: Number.POSITIVE_INFINITY,
  });
  const stream = await recognizer.open({ ...request, ...format }, new AbortController().signal);
  let [words, reachedMs] = [0, 0];
  const heard = (async () => {
    for await (const result of stream.results) {
      if (result.kind !== 'span' || !result.isFinal) continue;
      words += result.words.length;
      reachedMs = result.endMs;
    }
  })();
  const used: number[] = [];
  const frame = new Uint8Array(bytesPerSecond / 10);
  for (let second = 1; second <= hours * 3_600; second += 1) {
    for (let tenth = 0; tenth < 10; tenth += 1) await stream.write(frame);
    await new Promise((resolve) => setImmediate(resolve));
    if (second % 3_600 !== 0) continue;
    for (let round = 0; round < 3; round += 1) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    used.push(heapUsed + arrayBuffers);
  }
  stream.finish();
  await heard;
  expect(Math.abs(reachedMs - hours * 3_600_000)).toBeLessThan(20);
  // Where its words stand depends on when a session began, not on the audio.
  expect(Math.abs(words - (hours * 3_600 * 8) / 4)).toBeLessThan(10);
  expect((used.at(-1) ?? 0) / (used[0] ?? 1)).toBeLessThan(1.1);
});
