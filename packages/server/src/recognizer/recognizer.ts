/** Speech in, words out: the contract of every recognizer. */
import type { Source } from '@meetcast/protocol';
import type { RecognizerError } from '../lib/errors.ts';

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
  /** The writer keeps what it has not written, and waits for as long as it is told: nothing need fall off a bound. */
  readonly canWait?: boolean;
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

/** How the way to the recognizer is, told in order with the words. A stream is up until it says otherwise. */
export interface RecognizerState {
  readonly kind: 'state';
  /** `silent`: audio goes in and nothing comes out. Both it and `reconnecting` last until `recovered`. */
  readonly state: 'reconnecting' | 'silent' | 'recovered';
  /** One sentence, safe to show. */
  readonly reason: string;
}

/**
 * Audio of every channel that gives no words.
 *
 * - `too_long_away`: it was kept as long as the bound allowed and nobody could hear it.
 * - `refused`: it is the rest, told right before `results` throws. Its sender may still have it.
 */
export interface Unheard {
  readonly kind: 'unheard';
  readonly startMs: number;
  readonly endMs: number;
  readonly cause: 'too_long_away' | 'refused';
}

/** Audio that a stream was given and nobody heard. It is its holder's, who discards it. Times are those of the stream. */
export interface UnheardAudio {
  readonly startMs: number;
  readonly endMs: number;
  readonly bytes: number;
  /** What comes after so many bytes, in pieces. Throws once the disk has lost it, or after `discard`. */
  read(skip: number): AsyncIterable<Uint8Array>;
  /** Resolves when nothing of it is kept; never rejects. */
  discard(): Promise<void>;
}

export type RecognitionResult = RecognizedSpan | UtteranceEnd | RecognizerState | Unheard;

/**
 * One open stream.
 *
 * - `results` ends after `finish` once everything heard was said, or after `abort`. It throws a RecognizerError if the
 *   recognizer stops by itself, a clean stop included.
 * - `write` never drops audio and never throws. It answers with a promise when the writer should wait for it.
 * - `flush` asks for the words so far as final spans and goes on. `finish` says that no more audio comes.
 * - After `abort`, or when `results` has ended, nothing is left open.
 * - `handOver` is an `abort` that hands over the audio nobody heard, if there is any. A stream that has it, and whose
 *   `results` throws, holds on to that audio until one of the two is called.
 */
export interface RecognizerStream {
  /** How many channels results are given for; 1 where channels are mixed. */
  readonly channels: number;
  readonly results: AsyncIterable<RecognitionResult>;
  write(audio: Uint8Array): Promise<void> | undefined;
  flush(): void;
  finish(): void;
  /** `failure`: what the stream is given up for, if the fault is its own. */
  abort(failure?: RecognizerError): void;
  handOver?(): UnheardAudio | undefined;
}

/** Opens streams. `open` rejects with a RecognizerError that says why in one sentence, or when `signal` aborts. */
export interface Recognizer {
  open(request: RecognizerRequest, signal: AbortSignal): Promise<RecognizerStream>;
  /** For how many channels its streams give results, known before one is open. Without it only mono is known. */
  channelsFor?(format: AudioFormat): number;
}
