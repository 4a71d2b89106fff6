/** A sender's audio from the first frame whose words are not stored: in memory, or in a spool and the newest of it in memory. */
import { AudioBuffer, type AudioFormat } from './audio-buffer.ts';
import type { GuardedSpool } from './spool/guarded-spool.ts';

/** With a spool, only so much is in memory: enough for an utterance that is sent again after a short break. */
const recentMs = 10_000;

/** Audio of a spool that is being sent again. */
interface Fetched {
  from: number;
  to: number;
  bytes: Uint8Array<ArrayBuffer>;
}

export class KeptAudio {
  readonly #format: AudioFormat;
  readonly #frameBytes: number;
  readonly #recentFrames: number;
  readonly #recent: AudioBuffer;
  readonly #spool: GuardedSpool | undefined;
  #start: number;
  /** What is before this frame is in the spool, and may be sent. */
  #spooled: number;
  #fetched: Fetched | undefined;

  /** `start` and `end` are the frames that the spool already has. */
  constructor(format: AudioFormat, spool?: GuardedSpool, { start, end } = { start: 0, end: 0 }) {
    this.#format = format;
    this.#frameBytes = format.channels * 2;
    this.#recentFrames = Math.floor((format.sampleRate * recentMs) / 1000);
    this.#recent = new AudioBuffer(format, end);
    this.#spool = spool;
    this.#start = start;
    this.#spooled = end;
  }

  /** The first frame that is kept. */
  get start(): number {
    return this.#start;
  }

  /** After the last whole frame. */
  get end(): number {
    return this.#recent.end;
  }

  /**
   * After the last frame that may be sent. A hub must never have what a spool has not: after a crash it would ask for
   * audio behind the spool's end.
   */
  get sendable(): number {
    return this.#spool?.isSound ? this.#spooled : this.end;
  }

  get keptMs(): number {
    return ((this.end - this.#start) * 1000) / this.#format.sampleRate;
  }

  /** Keeps the bytes themselves, not a copy. With a spool, resolves once they are in it, or cannot be. */
  append(bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    const from = this.end;
    this.#recent.append(bytes);
    if (!this.#spool?.isSound || this.end === from) return undefined;
    return this.#save(this.#spool, from, this.end);
  }

  /** Whole frames from one that is kept, as many as are at hand and fit; undefined if they have to be fetched before. */
  read(from: number, frames: number): Uint8Array<ArrayBuffer> | undefined {
    if (from >= this.#recent.start) {
      this.#fetched = undefined;
      return this.#recent.read(from, frames);
    }
    if (!this.#fetched || from < this.#fetched.from || from >= this.#fetched.to) return undefined;
    const at = (from - this.#fetched.from) * this.#frameBytes;
    return this.#fetched.bytes.subarray(at, at + frames * this.#frameBytes);
  }

  /** Gets audio out of the spool, from a frame on; rejects when it is not to be had. */
  async fetch(from: number): Promise<void> {
    const bytes = await this.#spool?.read(from * this.#frameBytes);
    if (bytes) this.#fetched = { from, to: from + bytes.length / this.#frameBytes, bytes };
  }

  /** Lets go of everything before a frame. */
  forget(before: number): void {
    if (before <= this.#start) return;
    this.#start = Math.min(before, this.end);
    this.#recent.forget(this.#start);
  }

  /** The spool lets go of what was forgotten, after it was noted there; a failed one of everything, once it can. */
  forgetSpooled(): void {
    if (!this.#spool) return;
    if (this.#spool.isSound) void this.#spool.forget(this.#start * this.#frameBytes);
    else if (this.#start >= this.#spooled) this.#spool.retire();
  }

  async #save(spool: GuardedSpool, from: number, to: number): Promise<void> {
    await spool.append(this.#recent.read(from, to - from));
    if (!spool.isSound) return;
    this.#spooled = to;
    this.#recent.forget(Math.min(to, this.end - this.#recentFrames));
  }
}
