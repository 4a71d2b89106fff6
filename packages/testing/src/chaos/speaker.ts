/** Somebody who goes on talking whatever happens to the link, phrase after phrase, until asked to stop. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Publisher } from '@meetcast/client';
import { paced, realPace } from '../tone-language/pacing.ts';
import { type SpokenWord, spokenWords } from '../tone-language/time-errors.ts';
import { bytesPerSecond, type Format, phraseAt, pieceBytesFor } from './script.ts';

export interface SpeakerOptions {
  seed: string;
  format: Format;
  /** Times real time. */
  speed: number;
  signal: AbortSignal;
  /** Something to look at, such as that more was said. */
  happened(): void;
}

export class Speaker {
  readonly #options: SpeakerOptions;
  readonly #words: SpokenWord[] = [];
  readonly #audio: Buffer[] = [];
  #bytes = 0;
  #publisher: Publisher;
  #isFinishing = false;
  #talk: Promise<void> = Promise.resolve();

  constructor(publisher: Publisher, options: SpeakerOptions) {
    this.#publisher = publisher;
    this.#options = options;
  }

  /** Of the phrases begun so far, by the speaker's own audio. */
  get words(): readonly SpokenWord[] {
    return this.#words;
  }

  /** How much audio there was so far. */
  get positionMs(): number {
    return this.#msOf(this.#bytes);
  }

  /** Whether words, or a part of one, were said after this place in the audio. */
  hasSpoken(afterMs: number): boolean {
    const { positionMs } = this;
    return this.#words.some(({ startMs, endMs }) => endMs > afterMs && startMs < positionMs);
  }

  start(): void {
    this.#talk = this.#speak();
  }

  /** Resolves at the end of the phrase. */
  finish(): Promise<void> {
    this.#isFinishing = true;
    return this.#talk;
  }

  /** Goes on by another publisher, from the place in the audio where the hub wants it to. */
  handOver(publisher: Publisher, fromMs: number): void {
    const { sampleRate, channels } = this.#options.format;
    this.#publisher = publisher;
    const from = Math.round((fromMs * sampleRate) / 1000) * channels * 2;
    void publisher.write(Buffer.concat(this.#audio).subarray(from));
  }

  async #speak(): Promise<void> {
    const { speed, format, signal, happened } = this.#options;
    const pace = realPace(bytesPerSecond(format), speed, signal);
    for await (const piece of paced(this.#pieces(), pace)) {
      if (signal.aborted) return;
      this.#audio.push(piece);
      this.#bytes += piece.length;
      // As a microphone, it does not wait.
      void this.#publisher.write(piece);
      happened();
      // Whoever cannot keep the pace never waits for it, and must not keep timers and sockets from their turns.
      await nextTurn();
    }
  }

  *#pieces(): Generator<Buffer> {
    const { seed, format, speed } = this.#options;
    const pieceBytes = pieceBytesFor(format, speed);
    let bytes = 0;
    for (let place = 0; !this.#isFinishing; place++) {
      const { words, pcm } = phraseAt(seed, place, format);
      this.#words.push(...spokenWords(words, this.#msOf(bytes)));
      bytes += pcm.length;
      for (let at = 0; at < pcm.length; at += pieceBytes) yield pcm.subarray(at, at + pieceBytes);
    }
  }

  #msOf(bytes: number): number {
    return (bytes * 1000) / bytesPerSecond(this.#options.format);
  }
}
