/** The contract of every Recognizer. A new adapter's test file is one call, with a service that hears the tone language. */
import type { Recognizer, RecognizerRequest, RecognizerStream } from '@meetcast/server';
import { expect } from 'vitest';
import { randomWords } from '../tone-language/random-words.ts';
import { wordTimes } from '../tone-language/speak.ts';
import { type Contract, eventually, follow } from './follow.ts';
import { listenTo, pcm, request, silence, writeAll } from './streams.ts';

/** A recognizer and the switches of the service behind it. */
export interface RecognizerBench {
  readonly recognizer: Recognizer;
  /** Whether it comes back by itself after a failure that may pass; then `refuse` and `drop` are of the other kind. */
  readonly endures?: true;
  /** Refuses the next handshake; answers with a text the refusal must repeat. */
  refuse(): { status: number; words: string; isRetryable: boolean };
  /** Ends all open streams in their middle. `cleanly`: as if all had been said. */
  drop(cleanly: boolean): void;
  /** From now on takes bytes so slowly that a writer has to wait. */
  crawl(): void;
  /** Streams that the service still holds open. */
  openStreams(): number;
  /** Resolves once the service answers nobody any more. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

const never = new AbortController().signal;

/** The bench is closed after each test. */
export function recognizerContract(
  name: string,
  open: () => Promise<RecognizerBench> | RecognizerBench,
): void {
  follow(name, contract, async () => {
    const bench = await open();
    const streams: RecognizerStream[] = [];
    async function start(changes: Partial<RecognizerRequest> = {}) {
      const stream = await bench.recognizer.open({ ...request, ...changes }, never);
      streams.push(stream);
      return { stream, heard: listenTo(stream) };
    }
    const close = async () => {
      for (const stream of streams) stream.abort();
      await bench.close();
    };
    return { stage: { bench, start }, close };
  });
}

interface Stage {
  readonly bench: RecognizerBench;
  start(
    changes?: Partial<RecognizerRequest>,
  ): Promise<{ stream: RecognizerStream; heard: ReturnType<typeof listenTo> }>;
}

const contract: Contract<Stage> = {
  '[REC1] every word written before finish comes out once, in order, with its time; then the results end':
    async ({ start }) => {
      const words = randomWords(40, 3);
      const { stream, heard } = await start();
      await writeAll(stream, pcm(words));
      stream.finish();
      expect(await heard.outcome).toBe('ended');
      expect(heard.words()).toEqual(words);
      for (const [place, { startMs, endMs }] of heard
        .finals()
        .flatMap((span) => span.words)
        .entries()) {
        expect(startMs).toBeCloseTo(wordTimes(place).start * 1000, -1.5);
        expect(endMs).toBeCloseTo(wordTimes(place).end * 1000, -1.5);
      }
    },

  '[REC2] final spans of a channel tile its time: no hole, no overlap, up to the last sample': async ({
    start,
  }) => {
    const { stream, heard } = await start();
    const audio = pcm(randomWords(30, 5));
    await writeAll(stream, audio);
    stream.finish();
    await heard.outcome;
    let at = 0;
    for (const { startMs, endMs } of heard.finals()) {
      expect(startMs).toBeCloseTo(at, 0);
      at = endMs;
    }
    expect(at).toBeCloseTo(audio.length / 32, -1);
  },

  '[REC3] silence gives results without words': async ({ start }) => {
    const { stream, heard } = await start();
    await writeAll(stream, silence(6));
    stream.finish();
    expect(await heard.outcome).toBe('ended');
    expect(heard.words()).toEqual([]);
    expect(heard.finals().length).toBeGreaterThan(0);
  },

  '[REC4] finish before any audio ends the results': async ({ bench, start }) => {
    const { stream, heard } = await start();
    stream.finish();
    stream.finish();
    expect(await heard.outcome).toBe('ended');
    await eventually(() => bench.openStreams()).toBe(0);
  },

  '[REC5] open rejects with a RecognizerError that says why in one sentence': async ({ bench, start }) => {
    const { status, words, isRetryable } = bench.refuse();
    const error = await bench.recognizer.open(request, never).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'RecognizerError', code: status, retryable: isRetryable });
    expect((error as Error).message).toContain(String(status));
    expect((error as Error).message).toContain(words);
    expect((error as Error).message).not.toContain('\n');
    await start();
  },

  '[REC6] open rejects with a retryable RecognizerError while nobody answers, or else waits inside': async ({
    bench,
    start,
  }) => {
    await bench.leave();
    if (bench.endures) return void (await start());
    await expect(bench.recognizer.open(request, never)).rejects.toMatchObject({
      name: 'RecognizerError',
      retryable: true,
    });
  },

  '[REC7] open rejects when its signal aborts: before, at once, and meanwhile': async ({ bench }) => {
    const abortAfter = async (turns: number) => {
      const abort = new AbortController();
      const opening = bench.recognizer.open(request, abort.signal);
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      abort.abort();
      return opening.then(
        (stream) => stream,
        () => 'rejected',
      );
    };
    await expect(bench.recognizer.open(request, AbortSignal.abort())).rejects.toThrow();
    for (const turns of [0, 1, 2, 5]) expect(await abortAfter(turns)).toBe('rejected');
    await eventually(() => bench.openStreams()).toBe(0);
  },

  '[REC8] a recognizer that stops by itself makes the results throw a RecognizerError, a clean stop included':
    async ({ bench, start }) => {
      for (const cleanly of [false, true]) {
        const { stream, heard } = await start();
        await writeAll(stream, silence(0.5));
        await eventually(() => bench.openStreams()).toBe(1);
        bench.drop(cleanly);
        const retryable = bench.endures !== true;
        expect(await heard.outcome).toMatchObject({ name: 'RecognizerError', retryable });
        await eventually(() => bench.openStreams()).toBe(0);
      }
    },

  '[REC9] what was said before it stopped comes out before the error': async ({ bench, start }) => {
    const { stream, heard } = await start();
    await writeAll(stream, pcm('the budget', { tailMs: 2_000 }));
    await eventually(heard.words).toEqual(['the', 'budget']);
    bench.drop(false);
    expect(await heard.outcome).toMatchObject({ name: 'RecognizerError' });
  },

  '[REC10] after abort the results end without an error, and nothing is left open': async ({
    bench,
    start,
  }) => {
    const { stream, heard } = await start();
    await writeAll(stream, silence(1));
    stream.abort();
    stream.abort();
    expect(await heard.outcome).toBe('ended');
    await eventually(() => bench.openStreams()).toBe(0);
  },

  '[REC11] write, flush and finish never throw, whatever became of the stream': async ({ bench, start }) => {
    const aborted = await start();
    aborted.stream.abort();
    const finished = await start();
    finished.stream.finish();
    await finished.heard.outcome;
    const dropped = await start();
    bench.drop(false);
    await dropped.heard.outcome;
    for (const { stream } of [aborted, finished, dropped]) {
      expect(() => {
        void stream.write(silence(0.1));
        stream.flush();
        stream.finish();
        stream.abort();
      }).not.toThrow();
    }
  },

  '[REC12] a writer that is too fast is given a promise to wait for, and no audio is dropped': async ({
    bench,
    start,
  }) => {
    bench.crawl();
    const words = randomWords(20, 9);
    const { stream, heard } = await start();
    const audio = pcm(words, { tailMs: 500 });
    let waited: Promise<void> | undefined;
    for (let round = 0; round < 400 && !waited; round += 1) waited = stream.write(silence(1));
    expect(waited).toBeInstanceOf(Promise);
    stream.abort();
    await waited;
    await heard.outcome;
    const second = await start();
    for (let at = 0; at < audio.length; at += 3_200) void second.stream.write(audio.subarray(at, at + 3_200));
    second.stream.finish();
    await second.heard.outcome;
    expect(second.heard.words()).toEqual(words);
  },

  '[REC13] a writer that waits is let go when the stream is lost': async ({ bench, start }) => {
    bench.crawl();
    const { stream, heard } = await start();
    let waited: Promise<void> | undefined;
    for (let round = 0; round < 400 && !waited; round += 1) waited = stream.write(silence(1));
    bench.drop(false);
    await waited;
    expect(await heard.outcome).toMatchObject({ name: 'RecognizerError' });
  },

  '[REC14] flush asks for the words so far as final spans, and the stream goes on': async ({ start }) => {
    const { stream, heard } = await start();
    await writeAll(stream, pcm('the budget', { tailMs: 120 }));
    stream.flush();
    await eventually(heard.words).toEqual(['the', 'budget']);
    await writeAll(stream, pcm('meeting'));
    stream.finish();
    expect(await heard.outcome).toBe('ended');
    expect(heard.words()).toEqual(['the', 'budget', 'meeting']);
  },

  '[REC15] an empty write ends nothing': async ({ start }) => {
    const { stream, heard } = await start();
    await stream.write(new Uint8Array(0));
    await writeAll(stream, pcm('the budget'));
    await stream.write(new Uint8Array(0));
    await writeAll(stream, pcm('meeting'));
    stream.finish();
    expect(await heard.outcome).toBe('ended');
    expect(heard.words()).toEqual(['the', 'budget', 'meeting']);
  },

  '[REC16] streams of one recognizer are apart': async ({ start }) => {
    const [first, second] = [await start(), await start({ source: 'system' })];
    await Promise.all([
      writeAll(first.stream, pcm('the budget')),
      writeAll(second.stream, pcm('new meeting')),
    ]);
    first.stream.finish();
    second.stream.finish();
    await Promise.all([first.heard.outcome, second.heard.outcome]);
    expect([first.heard.words(), second.heard.words()]).toEqual([
      ['the', 'budget'],
      ['new', 'meeting'],
    ]);
  },

  '[REC17] a stream says for how many channels its results are, and keeps to it': async ({ start }) => {
    const { stream, heard } = await start({ channels: 2 });
    await writeAll(stream, pcm('the budget', { channels: 2 }), 6_400);
    stream.finish();
    await heard.outcome;
    for (const result of heard.results) {
      const channel = 'channel' in result ? result.channel : 0;
      expect(channel).toBeGreaterThanOrEqual(0);
      expect(channel).toBeLessThan(stream.channels);
    }
    expect(heard.words().length).toBeGreaterThan(0);
  },
};
