/** Places a recognizer stream's time on the meeting's clock, by samples alone. */

import type { AudioFormat } from '../recognizer/recognizer.ts';
import {
  type ClockOffset,
  type ClockOffsets,
  endIn,
  offsetsFrom,
  skipsIn,
  startIn,
} from './clock-offsets.ts';

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
export class MeetingClock {
  readonly #format: AudioFormat;
  readonly #fromMs: number;
  readonly #offsets: ClockOffset[];
  #forwardedBytes = 0;
  #skippedBytes = 0;

  /** `fromMs`: where on the meeting's clock the first sample stands. */
  constructor(format: AudioFormat, fromMs: number) {
    this.#format = format;
    this.#fromMs = fromMs;
    this.#offsets = [{ streamMs: 0, offsetMs: fromMs }];
  }

  forward(bytes: number): void {
    this.#forwardedBytes += bytes;
  }

  skip(bytes: number): void {
    this.#skippedBytes += bytes;
    const offset = {
      streamMs: audioMs(this.#forwardedBytes, this.#format),
      offsetMs: this.#fromMs + audioMs(this.#skippedBytes, this.#format),
    };
    if (this.#offsets.at(-1)?.streamMs === offset.streamMs) this.#offsets.pop();
    this.#offsets.push(offset);
  }

  /** The meeting's time after the last sample received. */
  get receivedMs(): number {
    return this.#fromMs + audioMs(this.#forwardedBytes + this.#skippedBytes, this.#format);
  }

  get forwardedMs(): number {
    return audioMs(this.#forwardedBytes, this.#format);
  }

  /** Where audio went past, in milliseconds of the stream's own. */
  get skipsMs(): readonly number[] {
    return skipsIn(this.#offsets);
  }

  /** The meeting's time at which a word that starts at `streamMs` starts. */
  startAt(streamMs: number): number {
    return startIn(this.#offsets, streamMs);
  }

  /** The meeting's time at which a word that ends at `streamMs` ends. */
  endAt(streamMs: number): number {
    return endIn(this.#offsets, streamMs);
  }

  /** Where the stream's audio from `streamMs` on stands. */
  offsetsFrom(streamMs: number): ClockOffsets {
    return offsetsFrom(this.#offsets, streamMs);
  }
}
