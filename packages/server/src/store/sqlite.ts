/** The embedded store: one folder, one process or several on one machine. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { checkOptions } from '@meetcast/protocol';
import type { Row, Sql, SqlEngine, SqlValue } from './sql.ts';
import { type SqlStoreOptions, sqlStore } from './sql-store.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import type { Store } from './store.ts';

export interface SqliteOptions extends SqlStoreOptions {
  /** Where the file `meetcast.db` is; made if missing, for this user alone. */
  readonly folder: string;
}

/**
 * A commit is on disk when it is said to be. Readers go on while somebody writes. What is deleted is overwritten. The
 * wait for a lock comes first, as the other pragmas may need it; it is short, because the driver waits on one of the few
 * threads that other stores of this process need to let go of the lock.
 */
const pragmas = ['busy_timeout = 20', 'journal_mode = WAL', 'synchronous = FULL', 'secure_delete = ON'];

/** Connections that read, so that a long search holds up nothing else. */
const readers = 3;

/** How long a lock of another process is waited for, in all and between two tries. */
const longestWaitMs = 5_000;
const retryMs = 20;

export function sqliteStore(options: SqliteOptions): Store {
  checkOptions('sqliteStore', options, { folder: true, keepRaw: true });
  if (typeof options?.folder !== 'string' || options.folder === '') {
    throw new TypeError(
      "sqliteStore needs a folder to keep its file in, for instance { folder: 'transcripts' }",
    );
  }
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  return sqlStore(new SqliteEngine(join(options.folder, 'meetcast.db')), options);
}

class SqliteEngine implements SqlEngine {
  readonly rowLock = '';
  readonly #readers: readonly SqliteConnection[];
  readonly #writer: SqliteConnection;
  #lastWrite: Promise<unknown> = Promise.resolve();
  #isScrubDue = false;

  constructor(path: string) {
    this.#writer = new SqliteConnection(path, pragmas);
    this.#readers = Array.from({ length: readers }, () => new SqliteConnection(path, pragmas));
  }

  all(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    const [idlest = this.#writer] = this.#readers.toSorted((a, b) => a.waiting - b.waiting);
    return patiently(() => idlest.all(text, values));
  }

  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const write = this.#lastWrite.then(() => this.#transact(work));
    this.#lastWrite = write.catch(() => {});
    return write;
  }

  migrating<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.transaction(work);
  }

  /** Writers wait for each other instead. */
  isConflict(): boolean {
    return false;
  }

  isRefusal(error: unknown): boolean {
    return /^SQLITE_(CONSTRAINT|ERROR|MISMATCH|RANGE|TOOBIG)/.test(codeOf(error));
  }

  /** The log of the last changes still has the text: it is emptied now, or after a later write if somebody reads it. */
  async scrub(): Promise<void> {
    this.#isScrubDue = true;
    await this.transaction(async () => {});
  }

  async close(): Promise<void> {
    await this.#lastWrite;
    for (const reader of this.#readers) await reader.close();
    await this.#writer.close();
  }

  async #transact<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    // Taking the write lock at the start: a transaction that reads first could not go on once somebody else wrote.
    await patiently(() => this.#writer.exec('BEGIN IMMEDIATE'));
    try {
      const value = await work(this.#writer);
      await this.#writer.exec('COMMIT');
      if (this.#isScrubDue) await this.#truncateLog();
      return value;
    } catch (error) {
      await this.#writer.exec('ROLLBACK').catch(() => {}); // SQLite may have done it by itself.
      throw error;
    }
  }

  async #truncateLog(): Promise<void> {
    const [result] = await this.#writer.all('PRAGMA wal_checkpoint(TRUNCATE)').catch(() => []);
    this.#isScrubDue = result?.busy !== 0;
  }
}

async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + longestWaitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!codeOf(error).startsWith('SQLITE_BUSY') || performance.now() > deadline) throw error;
      await delay(retryMs * Math.random());
    }
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
