/** One source's writes on their way into the log: how much of its audio they cover, and how much of that is stored. */
import type { AudioAccount } from './audio-ledger.ts';

export interface WritesOptions {
  /** Where on the meeting's clock the source begins. */
  readonly fromMs: number;
  /** Told how far its audio is stored. */
  readonly account: AudioAccount;
  /** A write was refused: nothing after it may be written. */
  readonly onFailed: () => void;
}

export class Writes {
  readonly #options: WritesOptions;
  #coveredMs: number;
  #durableMs: number;
  #failure: { readonly error: unknown } | undefined;
  /** The last one; they succeed in order. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: WritesOptions) {
    this.#options = options;
    this.#coveredMs = options.fromMs;
    this.#durableMs = options.fromMs;
  }

  /** How far writes are on their way. On the meeting's clock, as is all here. */
  get coveredMs(): number {
    return this.#coveredMs;
  }

  get durableMs(): number {
    return this.#durableMs;
  }

  /** Why the first write that was refused was. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Resolves when no write is on its way, whatever became of them. */
  get over(): Promise<void> {
    return this.#last;
  }

  /** Resolves when all are stored; rejects with the failure of the first that was refused. */
  async stored(): Promise<void> {
    await this.#last;
    if (this.#failure) throw this.#failure.error;
  }

  /** Notes a write, once it is on its way, with which everything up to `coveredMs` is covered. */
  add(write: Promise<unknown>, coveredMs: number): void {
    this.#coveredMs = Math.max(this.#coveredMs, coveredMs);
    this.#last = write.then(
      () => {
        if (this.#failure) return; // What was refused before it is not stored.
        this.#durableMs = Math.max(this.#durableMs, coveredMs);
        this.#options.account.covered.to(this.#durableMs);
      },
      (error: unknown) => {
        this.#failure ??= { error };
        this.#options.onFailed();
      },
    );
  }
}
