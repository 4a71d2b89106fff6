/** The embedded store: one directory, one process or several on one machine. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { type Row, type Sql, type SqlEngine, type SqlValue, sqlStore } from './sql.ts';
import type { Store } from './store.ts';

export interface SqliteOptions {
  /** Where the file `meetcast.db` is, made if missing. */
  directory: string;
}

/** What a commit means: it is on disk. Readers go on while somebody writes, and writers wait for each other. */
const pragmas = ['journal_mode = WAL', 'synchronous = FULL', 'busy_timeout = 10000'];

export function sqliteStore(options: SqliteOptions): Store {
  mkdirSync(options.directory, { recursive: true });
  return sqlStore(new SqliteEngine(join(options.directory, 'meetcast.db')));
}

class SqliteEngine implements SqlEngine {
  readonly #reader: Database.Database;
  readonly #writer: Database.Database;
  #lastWrite: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#writer = open(path);
    this.#reader = open(path);
  }

  async all(text: string, ...values: SqlValue[]): Promise<Row[]> {
    return run(this.#reader, text, values);
  }

  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const write = this.#lastWrite.then(() => this.#transact(work));
    this.#lastWrite = write.catch(() => {});
    return write;
  }

  migrating<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.transaction(work);
  }

  async close(): Promise<void> {
    await this.#lastWrite;
    this.#reader.close();
    this.#writer.close();
  }

  async #transact<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    // Taking the write lock at the start: a transaction that reads first and writes later could not go on.
    this.#writer.exec('BEGIN IMMEDIATE');
    try {
      const value = await work({ all: async (text, ...values) => run(this.#writer, text, values) });
      this.#writer.exec('COMMIT');
      return value;
    } catch (error) {
      this.#writer.exec('ROLLBACK');
      throw error;
    }
  }
}

function open(path: string): Database.Database {
  const database = new Database(path);
  for (const pragma of pragmas) database.exec(`PRAGMA ${pragma}`);
  return database;
}

/** SQLite numbers `$1 …` by where they first stand in the text, so they are bound by name. */
function run(database: Database.Database, text: string, values: SqlValue[]): Row[] {
  const statement = database.prepare(text);
  const named = Object.fromEntries(values.map((value, index) => [index + 1, value]));
  if (statement.reader) return statement.all(named) as Row[];
  statement.run(named);
  return [];
}
