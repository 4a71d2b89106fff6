/** Audio from the ring into one recognizer stream: at the recognizer's pace until it has caught up, then as it comes. */

import { bytesOf, msOf } from '../recognizer/pcm.ts';
import type { AudioFormat, RecognizerStream } from '../recognizer/recognizer.ts';
import type { AudioRing } from './audio-ring.ts';
import { Pace } from './pace.ts';
import { speechLevels } from './speech-level.ts';
import type { StallWatch } from './stall-watch.ts';

export interface ReplayFeedOptions {
  readonly ring: AudioRing;
  readonly stream: RecognizerStream;
  readonly format: AudioFormat;
  /** In times real time. */
  readonly replayPace: number;
  readonly watch: StallWatch;
  /** Where in the ring the stream begins. */
  readonly from: number;
  /** All there is was written, for the first time or after a wait. */
  readonly caughtUp: () => void;
  /** A stretch of the ring's audio was written that is as loud as speech, on which channels. Milliseconds. */
  readonly spoke: (startMs: number, endMs: number, isLoud: readonly boolean[]) => void;
  /** The words of the audio before this position were asked for. */
  readonly flushed: (at: number) => void;
  /** Audio fell off the ring before it was written. */
  readonly overtaken: () => void;
}

const pieceMs = 100;

/*
 *   catching-up ──▶ live ──▶ finished     it waits in the first two: for the pace, a read of the file, a write to be taken
 *        └───────────┴──────────┴──▶ ended
 */
export class ReplayFeed {
  readonly #options: ReplayFeedOptions;
  readonly #pieceBytes: number;
  #state: 'catching-up' | 'live' | 'finished' | 'ended' = 'catching-up';
  readonly #pace: Pace;
  #position: number;
  /** What has to be over before the next piece. */
  #waits = 0;
  /** Whether it has yet to be said that all there is was written. */
  #isBehind = true;
  #delay: NodeJS.Timeout | undefined;
  /** Position at which the words so far are wanted. */
  #flushAt: number | undefined;
  #isOver = false;

  constructor(options: ReplayFeedOptions) {
    this.#options = options;
    this.#pieceBytes = bytesOf(pieceMs, options.format);
    this.#pace = new Pace(options.replayPace);
    this.#position = options.from;
  }

  /** The next byte that goes to the stream. */
  get position(): number {
    return this.#position;
  }

  /** The stream was told that there is no more audio. */
  get isFinished(): boolean {
    return this.#state === 'finished';
  }

  get #isOpen(): boolean {
    return this.#state === 'catching-up' || this.#state === 'live';
  }

  /** Writes what there is, as far as it may. */
  pump(): void {
    const { ring } = this.#options;
    while (this.#waits === 0 && this.#isOpen && this.#position < ring.end) {
      if (this.#position < ring.start) return this.#options.overtaken();
      const piece = ring.read(this.#position, this.#state === 'live' ? ring.end : this.#pieceBytes);
      if (piece instanceof Uint8Array) this.#write(piece);
      else this.#wait(piece.then((bytes) => this.#writeRead(bytes)));
    }
    if (this.#waits > 0 || !this.#isOpen) return;
    this.#state = 'live';
    if (this.#isBehind) this.#options.caughtUp();
    this.#isBehind = false;
    if (!this.#isOver) return;
    this.#state = 'finished';
    this.#options.stream.finish();
    this.#options.watch.wait('end');
  }

  /** Asks for the words of all audio so far, once that is written. */
  flush(at: number): void {
    this.#flushAt = at;
    this.#flushIfDue();
  }

  /** No more audio comes. */
  finish(): void {
    this.#isOver = true;
    this.pump();
  }

  end(): void {
    this.#state = 'ended';
    clearTimeout(this.#delay);
  }

  /** The ring may have moved on while the file was read, and the slot may hold other audio. */
  #writeRead(bytes: Uint8Array): void {
    if (this.#state === 'ended') return;
    if (this.#position < this.#options.ring.start) this.#options.overtaken();
    else this.#write(bytes);
  }

  #write(piece: Uint8Array): void {
    const { stream, format, watch, spoke } = this.#options;
    const startMs = msOf(this.#position, format);
    this.#position += piece.length;
    const audioMs = msOf(piece.length, format);
    const isLoud = speechLevels(piece, format);
    if (isLoud.includes(true)) {
      watch.spoke(audioMs);
      spoke(startMs, startMs + audioMs, isLoud);
    }
    const taken = stream.write(piece);
    this.#flushIfDue();
    if (taken !== undefined) {
      watch.wait('write');
      this.#wait(taken.then(() => watch.payOff('write')));
    }
    if (this.#state !== 'catching-up') return;
    const paceMs = this.#pace.take(audioMs, performance.now());
    if (paceMs > 0) this.#wait(this.#sleep(paceMs));
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#delay = setTimeout(resolve, ms);
    });
  }

  /** Goes on once everything that is waited for is done. */
  #wait(done: Promise<void>): void {
    this.#waits += 1;
    this.#isBehind = true;
    done.then(
      () => this.#goOn(),
      () => this.#state !== 'ended' && this.#options.overtaken(), // The file could not be read.
    );
  }

  #goOn(): void {
    this.#waits -= 1;
    this.pump();
  }

  #flushIfDue(): void {
    const at = this.#flushAt;
    if (at === undefined || this.#position < at) return;
    this.#flushAt = undefined;
    this.#options.stream.flush();
    this.#options.flushed(at);
  }
}
