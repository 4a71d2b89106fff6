/** Writes in the order they came, many to a transaction. */
import { EntryRefusedError } from '../lib/errors.ts';
import type { LogWrite, Written } from './log-draft.ts';
import type { Sql } from './sql.ts';
import type { Outcome } from './sql-batch.ts';

/** How the queue's work is committed. */
export interface Committer {
  together(writes: readonly LogWrite[]): Promise<Outcome[]>;
  alone<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** The failure is due to what was written. */
  isRefusal(error: unknown): boolean;
}

interface WriteJob {
  readonly write: LogWrite;
  resolve(written: Written): void;
  reject(error: unknown): void;
}

interface LoneJob {
  run(): Promise<void>;
}

/** Writes of one transaction at most. */
const batchSize = 200;

/** While one transaction commits, what arrives meanwhile waits for the next: the busier, the larger the batch. */
export class WriteQueue {
  readonly #committer: Committer;
  readonly #waiting: (WriteJob | LoneJob)[] = [];
  #running: Promise<void> | undefined;

  constructor(committer: Committer) {
    this.#committer = committer;
  }

  /** Resolves when the write is committed. */
  write(write: LogWrite): Promise<Written> {
    return new Promise((resolve, reject) => this.#add({ write, resolve, reject }));
  }

  /** Has a transaction to itself. */
  alone<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#add({ run: () => this.#committer.alone(work).then(resolve, reject) });
    });
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #add(job: WriteJob | LoneJob): void {
    this.#waiting.push(job);
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    await undefined; // What is added in the same turn goes along.
    while (this.#waiting.length > 0) {
      const batch = this.#nextWrites();
      if (batch.length > 0) await this.#commit(batch);
      else await this.#nextAlone();
    }
    this.#running = undefined;
  }

  /** The writes up to the next job that wants to be alone. */
  #nextWrites(): WriteJob[] {
    const batch: WriteJob[] = [];
    for (let job = this.#waiting[0]; job && 'write' in job; job = this.#waiting[0]) {
      if (batch.length === batchSize) break;
      batch.push(job);
      this.#waiting.shift();
    }
    return batch;
  }

  async #nextAlone(): Promise<void> {
    const job = this.#waiting.shift();
    if (job && 'run' in job) await job.run();
  }

  /** A batch that the database refuses is halved until the one write it refuses is alone: the others are kept. */
  async #commit(batch: readonly WriteJob[]): Promise<void> {
    try {
      const outcomes = await this.#committer.together(batch.map(({ write }) => write));
      for (const [index, job] of batch.entries()) answer(job, outcomes[index]);
    } catch (error) {
      const isRefusal = this.#committer.isRefusal(error);
      if (batch.length === 1 || !isRefusal) {
        const reason = isRefusal
          ? new EntryRefusedError('the database refused the entry', { cause: error })
          : error;
        for (const job of batch) job.reject(reason);
        return;
      }
      const half = Math.ceil(batch.length / 2);
      await this.#commit(batch.slice(0, half));
      await this.#commit(batch.slice(half));
    }
  }
}

function answer({ resolve, reject }: WriteJob, outcome: Outcome | undefined): void {
  if (outcome && 'written' in outcome) resolve(outcome.written);
  else reject(outcome?.refused);
}
