/** Places a recognizer stream's time on the meeting's clock, by samples alone. */
import { msOf } from '../recognizer/pcm.ts';
import type { AudioFormat } from '../recognizer/recognizer.ts';
import { type ClockOffset, type ClockOffsets, endIn, startIn } from './clock-offsets.ts';

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
      streamMs: msOf(this.#forwardedBytes, this.#format),
      offsetMs: this.#fromMs + msOf(this.#skippedBytes, this.#format),
    };
    if (this.#offsets.at(-1)?.streamMs === offset.streamMs) this.#offsets.pop();
    this.#offsets.push(offset);
  }

  /** The meeting's time after the last sample received. */
  get receivedMs(): number {
    return this.#fromMs + msOf(this.#forwardedBytes + this.#skippedBytes, this.#format);
  }

  get forwardedMs(): number {
    return msOf(this.#forwardedBytes, this.#format);
  }

  /** Where the stream's audio stands, up to now. */
  get offsets(): ClockOffsets {
    return this.#offsets;
  }

  /** The meeting's time at which a word that starts at `streamMs` starts. */
  startAt(streamMs: number): number {
    return startIn(this.#offsets, streamMs);
  }

  /** The meeting's time at which a word that ends at `streamMs` ends. */
  endAt(streamMs: number): number {
    return endIn(this.#offsets, streamMs);
  }
}
