/** Audio that stops for a while, and whose sender is there all the same. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { listenTo, request } from '../../../testing/src/contracts/streams.ts';
import { resilient } from '../../src/recovery/resilient.ts';
import { bytesOf, expectTiled, expectWords, meeting } from '../recognizer/told.ts';
import { toneRecognizer } from '../recognizer/tone-recognizer.ts';
import { seeded } from '../support/random.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const bytesPerMs = 32;
const { said, audio, endMs } = meeting(31, 12);
/** The fifth word has just ended. */
const wordsMs = 1_560;
const random = seeded(1);
const noise = bytesOf(new Int16Array(600 * 16).map(() => (random() - 0.5) * 8_000));

async function start() {
  const stream = await resilient(toneRecognizer()).open(request, new AbortController().signal);
  const speak = async (sound: Uint8Array) => {
    for (let at = 0; at < sound.length; at += 20 * bytesPerMs) {
      void stream.write(sound.subarray(at, at + 20 * bytesPerMs));
      await vi.advanceTimersByTimeAsync(20);
    }
  };
  return { stream, heard: listenTo(stream), speak };
}

describe.each([
  ['after a word', new Uint8Array()],
  ['within noise', noise],
])('audio that stopped %s', (_, end) => {
  const stopMs = wordsMs + end.length / bytesPerMs;

  test.each([1_500, 2_500])(
    '[ING18] is told to its end when its words are asked for %i ms later',
    async (afterMs) => {
      const { stream, heard, speak } = await start();
      await speak(audio.subarray(0, wordsMs * bytesPerMs));
      await speak(end);
      await vi.advanceTimersByTimeAsync(afterMs);
      // It might have been a link that broke off, within a word.
      expect(heard.finals().at(-1)?.endMs).toBeLessThan(stopMs);
      stream.flush();
      await vi.advanceTimersByTimeAsync(1_000);
      expectTiled(heard.results, stopMs);
      expectWords(heard.results, said[0]?.slice(0, 5) ?? []);
      await speak(audio.subarray(wordsMs * bytesPerMs));
      stream.finish();
      expect(await heard.outcome).toBe('ended');
      expect(heard.words()).toEqual(said[0]);
      expectTiled(heard.results, endMs + stopMs - wordsMs);
    },
  );
});
