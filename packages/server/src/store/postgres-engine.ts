/** Statements and transactions on a pool of PostgreSQL connections. */
import pg from 'pg';
import { withTimeout } from '../lib/with-timeout.ts';
import type { Row, Sql, SqlEngine, SqlValue } from './sql.ts';

/** One number for everybody who makes these tables: a lock that ends with its transaction. */
const migrationLock = 7_205_759_403;

/** How long a statement may take, as the server sees it; a client that hears nothing for a second more gives up. */
const statementMs = 5_000;
const migrationMs = 600_000;

/** A listener that is there so that an error of a connection nobody uses does not end the process. */
const ignore = () => {};

export class PostgresEngine implements SqlEngine {
  readonly rowLock = 'FOR UPDATE';
  readonly #pool: pg.Pool;
  readonly #end: () => Promise<void>;

  constructor(pool: pg.Pool, end: () => Promise<void>) {
    this.#pool = pool;
    this.#end = end;
    pool.on('error', ignore);
  }

  all(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#connected(statementMs, (sql) => sql.all(text, values));
  }

  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#transact(statementMs, work);
  }

  migrating<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#transact(migrationMs, async (sql) => {
      await sql.all('SELECT pg_advisory_xact_lock($1)', [migrationLock]);
      return work(sql);
    });
  }

  /** Serialization failure, deadlock. */
  isConflict(error: unknown): boolean {
    return /^40(001|P01)$/.test(sqlStateOf(error));
  }

  /** Bad data, a broken constraint, a limit of the database. */
  isRefusal(error: unknown): boolean {
    return /^(22|23|54)/.test(sqlStateOf(error));
  }

  /** Dead rows are the server's to vacuum. */
  async scrub(): Promise<void> {}

  async close(): Promise<void> {
    await this.#end();
    this.#pool.off('error', ignore);
  }

  #transact<T>(timeoutMs: number, work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#connected(timeoutMs, async (sql) => {
      await sql.all(begin(timeoutMs));
      const value = await work(sql);
      await sql.all('COMMIT');
      return value;
    });
  }

  /** Runs on one connection. After a failure it is rolled back; one that did not answer is not used again. */
  async #connected<T>(timeoutMs: number, work: (sql: Sql) => Promise<T>): Promise<T> {
    const client = await connect(this.#pool);
    client.on('error', ignore); // A pool does not listen while a connection is out.
    let isLost = false;
    const sql: Sql = {
      all: (text, values = []) =>
        run(client, text, values, timeoutMs).catch((error: unknown) => {
          isLost ||= sqlStateOf(error) === '';
          throw error;
        }),
    };
    try {
      return await work(sql);
    } catch (error) {
      if (!isLost) await sql.all('ROLLBACK').catch(ignore);
      throw error;
    } finally {
      client.off('error', ignore);
      client.release(isLost);
    }
  }
}

/** A host's pool may be set to wait for ever. */
function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  const client = pool.connect();
  return withTimeout(client, statementMs, () => {
    client.then((unused) => unused.release()).catch(ignore);
    throw new Error(`no connection to PostgreSQL within ${statementMs} ms`);
  });
}

/** A server that lost its client lets go of the rows by itself after a while. */
const begin = (timeoutMs: number): string =>
  `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = ${timeoutMs};
   SET LOCAL idle_in_transaction_session_timeout = ${timeoutMs}`;

const int8 = 20;
const numbers: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === int8 ? Number : pg.types.getTypeParser(oid as never, format as never),
} as pg.CustomTypesConfig;

async function run(
  client: pg.ClientBase,
  text: string,
  values: readonly SqlValue[],
  timeoutMs: number,
): Promise<Row[]> {
  const query = { text, values: [...values], types: numbers, query_timeout: timeoutMs + 1_000 };
  const { rows } = await client.query<Row>(query);
  return rows;
}

/** What the server calls the error; empty if it is not the server's. */
const sqlStateOf = (error: unknown): string =>
  error instanceof Error && 'severity' in error && 'code' in error ? String(error.code) : '';
