/** Recognizers that are not what they should be, made of one that is. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type RecognitionResult,
  type Recognizer,
  RecognizerError,
  type RecognizerRequest,
  type RecognizerStream,
} from '@meetcast/server';

export type ChangeRecognizer = (recognizer: Recognizer) => Recognizer;

/** `place`: of its streams, counted from 1. */
type ChangeStream = (stream: RecognizerStream, request: RecognizerRequest, place: number) => RecognizerStream;

const withStreams =
  (change: ChangeStream): ChangeRecognizer =>
  (recognizer) => {
    let streams = 0;
    return {
      ...recognizer,
      async open(request, signal) {
        const stream = await recognizer.open(request, signal);
        streams += 1;
        return change(stream, request, streams);
      },
    };
  };

function streamLike(stream: RecognizerStream, changes: Partial<RecognizerStream>): RecognizerStream {
  return {
    channels: stream.channels,
    results: stream.results,
    write: (audio) => stream.write(audio),
    flush: () => stream.flush(),
    finish: () => stream.finish(),
    abort: (failure) => stream.abort(failure),
    ...changes,
  };
}

/** Of each stream of a source some final words never come: those that were heard after so many others. */
export const swallowing = (from: number, to: number, source = 'mic'): ChangeRecognizer =>
  withStreams((stream, request) => {
    async function* results(): AsyncGenerator<RecognitionResult> {
      let finals = 0;
      for await (const result of stream.results) {
        const isFinal = result.kind === 'span' && result.isFinal && result.words.length > 0;
        if (isFinal) finals += 1;
        const isLost = isFinal && finals > from && finals <= to;
        yield isLost ? { ...result, text: '', words: [] } : result;
      }
    }
    return request.source === source ? streamLike(stream, { results: results() }) : stream;
  });

/** From one stream on, all words are told so much later than they are said. */
export const late = (ms: number, fromStream: number): ChangeRecognizer =>
  withStreams((stream, _request, place) => {
    async function* results(): AsyncGenerator<RecognitionResult> {
      for await (const result of stream.results) {
        const move = <T extends { startMs: number; endMs: number }>(one: T): T => ({
          ...one,
          startMs: one.startMs + ms,
          endMs: one.endMs + ms,
        });
        yield result.kind === 'span' ? { ...result, words: result.words.map(move) } : result;
      }
    }
    return place < fromStream ? stream : streamLike(stream, { results: results() });
  });

/** From one stream on, they never end. */
export const endless = (fromStream: number): ChangeRecognizer =>
  withStreams((stream, _request, place) =>
    place < fromStream ? stream : streamLike(stream, { finish: () => stream.flush() }),
  );

/** A lost stream says first, and for a while, that nobody said anything in the audio that it had. */
export const deafAtTheEnd = (forMs: number): ChangeRecognizer =>
  withStreams((stream, { sampleRate, channels }) => {
    let [heardMs, writtenMs] = [0, 0];
    async function* results(): AsyncGenerator<RecognitionResult> {
      try {
        for await (const result of stream.results) {
          if (result.kind === 'span' && result.isFinal) heardMs = result.endMs;
          yield result;
        }
      } catch (error) {
        const span = { kind: 'span', channel: 0, startMs: heardMs, endMs: writtenMs } as const;
        yield { ...span, isFinal: true, endsUtterance: true, text: '', words: [] };
        await delay(forMs);
        throw error;
      }
    }
    const write = (audio: Uint8Array) => {
      writtenMs += (audio.length * 1000) / (2 * channels * sampleRate);
      return stream.write(audio);
    };
    return streamLike(stream, { results: results(), write });
  });

/** Whoever is refused for good is told this. */
export const refusingWith =
  (reason: string): ChangeRecognizer =>
  (recognizer) => ({
    ...recognizer,
    open: (request, signal) =>
      recognizer.open(request, signal).catch((error: unknown) => {
        throw error instanceof RecognizerError && !error.retryable
          ? new RecognizerError(reason, { retryable: false })
          : error;
      }),
  });

/** All streams but the first take so long to open. */
export const slowToReturn =
  (ms: number): ChangeRecognizer =>
  (recognizer) => {
    let opened = 0;
    return {
      ...recognizer,
      async open(request, signal) {
        opened += 1;
        if (opened > 1) await delay(ms, undefined, { signal });
        return recognizer.open(request, signal);
      },
    };
  };
