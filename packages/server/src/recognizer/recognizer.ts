/** Speech in, words out: the contract of every recognizer. */
import type { Source } from '@meetcast/protocol';

/** 16-bit little-endian PCM, channels interleaved. */
export interface AudioFormat {
  /** Samples a second and channel. */
  readonly sampleRate: number;
  readonly channels: number;
}

export interface RecognizerRequest extends AudioFormat {
  /** BCP 47, or `auto`. Absent: the recognizer's own default. */
  readonly language?: string;
  readonly source: Source;
}

/** Times are milliseconds of audio written to this stream. */
export interface RecognizedWord {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly confidence?: number;
  readonly speaker?: string;
}

/** What was heard between `startMs` and `endMs` of one channel. Silence gives results without words. */
export interface RecognizedSpan {
  readonly kind: 'span';
  readonly channel: number;
  readonly startMs: number;
  readonly endMs: number;
  /** The span will not be heard again; final spans of a channel tile its time. */
  readonly isFinal: boolean;
  /** The speaker paused after this. */
  readonly endsUtterance: boolean;
  readonly text: string;
  readonly words: readonly RecognizedWord[];
  readonly confidence?: number;
  readonly language?: string;
  /** What the recognizer itself said, as JSON; kept by stores that are asked to. */
  readonly raw?: string;
}

/** The speaker paused after the words already given. */
export interface UtteranceEnd {
  readonly kind: 'utterance-end';
  readonly channel: number;
}

export type RecognitionResult = RecognizedSpan | UtteranceEnd;

/**
 * One open stream.
 *
 * - `results` ends after `finish` once everything heard was said, or after `abort`. It throws a RecognizerError if the
 *   recognizer stops by itself, a clean stop included.
 * - `write` never drops audio and never throws. It answers with a promise when the writer should wait for it.
 * - `flush` asks for the words so far as final spans and goes on. `finish` says that no more audio comes.
 * - After `abort`, or when `results` has ended, nothing is left open.
 */
export interface RecognizerStream {
  /** How many channels results are given for; 1 where channels are mixed. */
  readonly channels: number;
  readonly results: AsyncIterable<RecognitionResult>;
  write(audio: Uint8Array): Promise<void> | undefined;
  flush(): void;
  finish(): void;
  abort(): void;
}

/** Opens streams. `open` rejects with a RecognizerError that says why in one sentence, or when `signal` aborts. */
export interface Recognizer {
  open(request: RecognizerRequest, signal: AbortSignal): Promise<RecognizerStream>;
}
