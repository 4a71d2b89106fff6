/** When which of many things is looked at: one at a time, those that failed later and later. */
import { backoffMs } from '@meetcast/protocol';
import { isNamed } from '../lib/errors.ts';
import { longestTimerMs } from '../lib/limits.ts';

/** One of the things; whoever owns it sets when it is due. */
export interface Due {
  /** Of `Date.now()`; Infinity: not now. */
  dueAtMs: number;
  /** In a row. */
  failures: number;
}

export interface RetryScheduleOptions<Item extends Due> {
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  readonly items: Iterable<Item>;
  /** Before each look at any of them. */
  readonly tidy: () => void;
  /** Sets when the item is due next, or removes it. Answers whether the recognizer did what it was asked for. */
  readonly visit: (item: Item) => Promise<boolean>;
  /** A visit failed, and is repeated. */
  readonly failed: (item: Item, error: unknown) => void;
}

export class RetrySchedule<Item extends Due> {
  readonly #options: RetryScheduleOptions<Item>;
  #timer: NodeJS.Timeout | undefined;
  #visiting: Promise<void> | undefined;
  /** Recognizers that refused in a row, and until when none is asked. */
  #refusals = 0;
  #notBeforeMs = 0;
  #isOver = false;

  constructor(options: RetryScheduleOptions<Item>) {
    this.#options = options;
  }

  /** Something is due at another time than before. */
  wake(): void {
    clearTimeout(this.#timer);
    if (this.#isOver || this.#visiting !== undefined) return;
    const next = this.#next();
    if (!next || next.dueAtMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.max(next.dueAtMs, this.#notBeforeMs) - Date.now();
    this.#timer = setTimeout(() => this.#begin(), Math.min(Math.max(0, waitMs), longestTimerMs));
    this.#timer.unref();
  }

  /** Nothing more is begun; resolves when what was is over. */
  async end(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    await this.#visiting;
  }

  #begin(): void {
    this.#options.tidy();
    const next = this.#next();
    if (!next || Math.max(next.dueAtMs, this.#notBeforeMs) > Date.now()) return this.wake();
    next.dueAtMs = Number.POSITIVE_INFINITY;
    this.#visiting = this.#visit(next).finally(() => {
      this.#visiting = undefined;
      this.wake();
    });
  }

  async #visit(item: Item): Promise<void> {
    try {
      const isWell = await this.#options.visit(item);
      item.failures = 0;
      if (isWell) this.#refusals = 0;
    } catch (error) {
      if (this.#isOver) return;
      item.failures += 1;
      // The next one would be refused too.
      const isRefused = isNamed('RecognizerError', error);
      if (isRefused) this.#refuse();
      item.dueAtMs = Date.now() + (isRefused ? 0 : this.#waitMs(item.failures));
      this.#options.failed(item, error);
    }
  }

  #refuse(): void {
    this.#refusals += 1;
    this.#notBeforeMs = Date.now() + this.#waitMs(this.#refusals);
  }

  #waitMs(failures: number): number {
    const { retryMinMs, retryMaxMs } = this.#options;
    return backoffMs(failures, { minMs: retryMinMs, maxMs: retryMaxMs }, { jitter: 0 });
  }

  /** The one that has been due for longest. */
  #next(): Item | undefined {
    let next: Item | undefined;
    for (const item of this.#options.items) if (!next || item.dueAtMs < next.dueAtMs) next = item;
    return next;
  }
}
