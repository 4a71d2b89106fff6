import { afterEach, expect, test, vi } from 'vitest';
import { firstAvailable } from '../../src/recognizer/first-available.ts';
import type { Recognizer } from '../../src/recognizer/recognizer.ts';
import { resilient } from '../../src/recovery/resilient.ts';
import { listenTo, pcm, request, silence, writeAll } from './recognizer-contract.ts';
import { expectWords, meeting } from './told.ts';
import { final, passing, toneRecognizer } from './tone-recognizer.ts';

const never = new AbortController().signal;
const openOnce = async (recognizer: Recognizer) => (await recognizer.open(request, never)).abort();

afterEach(() => vi.useRealTimers());

function pair(options = {}) {
  const [first, second] = [toneRecognizer(), toneRecognizer()];
  const opened = () => [first.streams.length, second.streams.length];
  return { first, second, opened, both: firstAvailable([first, second], options) };
}

test('the first is used while it is well, and the next one where it refuses, for now or for good', async () => {
  const { first, both, opened } = pair();
  await openOnce(both);
  expect(opened()).toEqual([1, 0]);
  for (const refusal of [passing(), final()]) {
    first.refusals.push(refusal);
    await openOnce(both);
  }
  expect(opened()).toEqual([1, 2]);
});

test('one that failed is left alone for a while, then it is first again', async () => {
  vi.useFakeTimers();
  const { first, both, opened } = pair({ returnAfterMs: 5_000 });
  first.refusals.push(passing());
  await openOnce(both);
  await openOnce(both);
  expect(opened()).toEqual([0, 2]);
  vi.advanceTimersByTime(5_001);
  await openOnce(both);
  expect(opened()).toEqual([1, 2]);
});

test('a stream that is lost, or given up for being silent, is a failure; one that is aborted is none', async () => {
  const lost = pair();
  lost.first.fates.push({ kind: 'lost', afterBytes: 0 });
  const heard = listenTo(await lost.both.open(request, never));
  lost.first.streams[0]?.write(silence(0.1));
  await heard.outcome;
  await openOnce(lost.both);
  expect(lost.opened()).toEqual([1, 1]);

  const silent = pair();
  (await silent.both.open(request, never)).abort(passing());
  await openOnce(silent.both);
  expect(silent.opened()).toEqual([1, 1]);
  expect(silent.first.streams[0]?.isOpen).toBe(false);
});

test('where all refuse, the reason is of one that may accept later, if there is one', async () => {
  const { first, second, both } = pair();
  first.refusals.push(final(), final());
  second.refusals.push(passing(), final());
  await expect(both.open(request, never)).rejects.toMatchObject({ retryable: true, code: 429 });
  await expect(both.open(request, never)).rejects.toMatchObject({ retryable: false, code: 402 });
});

test('an aborted open is nobody’s failure, and no other is asked', async () => {
  const { both, opened } = pair();
  const abort = new AbortController();
  const opening = both.open(request, abort.signal);
  abort.abort();
  await expect(opening).rejects.toThrow();
  expect(opened()).toEqual([0, 0]);
  await openOnce(both);
  expect(opened()).toEqual([1, 0]);
});

test('a meeting goes on with the second where the first falls silent, and no word is lost', async () => {
  const { first, second, both, opened } = pair();
  const { said, audio } = meeting(31, 40);
  first.fates.push({ kind: 'silent', afterBytes: Math.floor(audio.length / 2) });
  const stream = await resilient(both, {
    silentMs: 40,
    retryMinMs: 1,
    replayPace: Number.POSITIVE_INFINITY,
  }).open(request, never);
  const heard = listenTo(stream);
  await writeAll(stream, audio);
  stream.finish();
  expect(await heard.outcome).toBe('ended');
  expectWords(heard.results, said[0] ?? []);
  expect(opened()).toEqual([1, 1]);
  expect([...first.streams, ...second.streams].some(({ isOpen }) => isOpen)).toBe(false);
});

test('one alone is as it is', async () => {
  const inner = toneRecognizer();
  const heard = await firstAvailable([inner]).open(request, never);
  const { outcome, words } = listenTo(heard);
  await writeAll(heard, pcm('the budget'));
  heard.flush();
  heard.finish();
  expect([await outcome, words()]).toEqual(['ended', ['the', 'budget']]);
});
