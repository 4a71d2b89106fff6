/** Writes in the order in which they were asked for, those that wait together as one. */
import { type Deferred, deferred } from '../deferred.ts';

export class WriteQueue<Item> {
  readonly #write: (items: Item[]) => Promise<void>;
  #waiting: { item: Item; done: Deferred<void> }[] = [];
  #running: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(write: (items: Item[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when the item is written. After a failure nothing is. */
  add(item: Item): Promise<void> {
    const done = deferred<void>();
    this.#waiting.push({ item, done });
    this.#running ??= this.#run();
    return done.promise;
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // One turn later there may be more to write at once.
    await undefined;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      await this.#attempt(batch.map(({ item }) => item));
      for (const { done } of batch) {
        if (this.#failure) done.reject(this.#failure);
        else done.resolve();
      }
    }
    this.#running = undefined;
  }

  async #attempt(items: Item[]): Promise<void> {
    if (this.#failure) return;
    try {
      await this.#write(items);
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
  }
}
