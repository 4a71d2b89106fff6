/** Places a recognizer stream's time on the meeting's clock, by samples alone. */

import type { AudioFormat } from '../recognizer/recognizer.ts';
import { type Anchor, type Anchors, anchorsFrom, endIn, holesIn, startIn } from './anchors.ts';

const bytesPerSample = 2;

/** Milliseconds of audio in a number of bytes. */
export const audioMs = (bytes: number, format: AudioFormat): number =>
  (bytes / (bytesPerSample * format.channels * format.sampleRate)) * 1000;

/** The whole samples that begin before `ms`, in bytes. */
export const audioBytes = (ms: number, format: AudioFormat): number =>
  Math.floor((ms * format.sampleRate) / 1000) * bytesPerSample * format.channels;

/** Whether bytes are whole samples of every channel. */
export const isWhole = (bytes: number, format: AudioFormat): boolean =>
  bytes % (bytesPerSample * format.channels) === 0;

/**
 * Counts audio as it goes to a recognizer, or past it. What goes past moves the meeting's time and not the stream's,
 * so a later stream time stands for a later meeting time.
 */
export class StreamClock {
  readonly #format: AudioFormat;
  readonly #fromMs: number;
  readonly #anchors: Anchor[];
  #forwardedBytes = 0;
  #skippedBytes = 0;

  /** `fromMs`: where on the meeting's clock the first sample stands. */
  constructor(format: AudioFormat, fromMs: number) {
    this.#format = format;
    this.#fromMs = fromMs;
    this.#anchors = [{ streamMs: 0, offsetMs: fromMs }];
  }

  forward(bytes: number): void {
    this.#forwardedBytes += bytes;
  }

  skip(bytes: number): void {
    this.#skippedBytes += bytes;
    const anchor = {
      streamMs: audioMs(this.#forwardedBytes, this.#format),
      offsetMs: this.#fromMs + audioMs(this.#skippedBytes, this.#format),
    };
    if (this.#anchors.at(-1)?.streamMs === anchor.streamMs) this.#anchors.pop();
    this.#anchors.push(anchor);
  }

  /** The meeting's time after the last sample received. */
  get receivedMs(): number {
    return this.#fromMs + audioMs(this.#forwardedBytes + this.#skippedBytes, this.#format);
  }

  get forwardedMs(): number {
    return audioMs(this.#forwardedBytes, this.#format);
  }

  /** Where audio went past, in milliseconds of the stream's own. */
  get holesMs(): readonly number[] {
    return holesIn(this.#anchors);
  }

  /** The meeting's time at which a word that starts at `streamMs` starts. */
  startAt(streamMs: number): number {
    return startIn(this.#anchors, streamMs);
  }

  /** The meeting's time at which a word that ends at `streamMs` ends. */
  endAt(streamMs: number): number {
    return endIn(this.#anchors, streamMs);
  }

  /** Where the stream's audio from `streamMs` on stands. */
  anchorsFrom(streamMs: number): Anchors {
    return anchorsFrom(this.#anchors, streamMs);
  }
}
