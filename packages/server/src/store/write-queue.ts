/** Writes in the order they came, many to a transaction. */
import { type MeetingRef, meetingKey } from '../meeting.ts';
import type { Sql } from './sql.ts';

interface Job {
  readonly key: string;
  run(sql: Sql): Promise<void>;
  done(): void;
  failed(error: unknown): void;
}

/** Writes of one transaction at most. */
const batchSize = 200;

/**
 * While one transaction commits, what arrives meanwhile waits for the next: the busier, the larger the batch. Within a
 * batch meetings come in the order of their keys, so that two nodes lock them in the same order; the writes of one
 * meeting never change places.
 */
export class WriteQueue {
  readonly #commit: (work: (sql: Sql) => Promise<void>) => Promise<void>;
  #waiting: Job[] = [];
  #running: Promise<void> | undefined;

  constructor(commit: (work: (sql: Sql) => Promise<void>) => Promise<void>) {
    this.#commit = commit;
  }

  /**
   * Resolves when the write is committed. One that throws a domain error before it wrote anything rejects alone; any
   * other failure rejects the whole batch, of which nothing was kept.
   */
  add<T>(meeting: MeetingRef, write: (sql: Sql) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let outcome: { value: T } | { refused: unknown } | undefined;
      this.#waiting.push({
        key: meetingKey(meeting),
        async run(sql) {
          try {
            outcome = { value: await write(sql) };
          } catch (error) {
            if (!isRefusal(error)) throw error;
            outcome = { refused: error };
          }
        },
        done() {
          if (outcome && 'value' in outcome) resolve(outcome.value);
          else reject(outcome?.refused);
        },
        failed: reject,
      });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    await undefined; // What is added in the same turn goes along.
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchSize);
      await this.#write(batch);
    }
    this.#running = undefined;
  }

  async #write(batch: readonly Job[]): Promise<void> {
    const ordered = batch.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    try {
      await this.#commit(async (sql) => {
        for (const job of ordered) await job.run(sql);
      });
    } catch (error) {
      for (const job of batch) job.failed(error);
      return;
    }
    for (const job of batch) job.done();
  }
}

/** A refusal is an answer, found out before anything was written. */
const isRefusal = (error: unknown): boolean => error instanceof Error && error.name === 'StaleFenceError';
