/** The store of many nodes: PostgreSQL. */
import pg from 'pg';
import { type Row, type Sql, type SqlEngine, type SqlValue, sqlStore } from './sql.ts';
import type { Store } from './store.ts';

/** A pool of the host's, which stays open, or an address to open one for. */
export type PostgresOptions = { pool: pg.Pool; url?: never } | { url: string; pool?: never };

/** One number for everybody who makes these tables: a lock that ends with its transaction. */
const migrationLock = 7_205_759_403;

export function postgresStore(options: PostgresOptions): Store {
  if (options.pool) return sqlStore(new PostgresEngine(options.pool, async () => {}));
  const pool = new pg.Pool({ connectionString: options.url, max: 8, connectionTimeoutMillis: 5_000 });
  return sqlStore(new PostgresEngine(pool, () => pool.end()));
}

class PostgresEngine implements SqlEngine {
  readonly #pool: pg.Pool;
  readonly close: () => Promise<void>;

  constructor(pool: pg.Pool, close: () => Promise<void>) {
    this.#pool = pool;
    this.close = close;
    // An idle connection that breaks is not a failure of anyone's query; without a listener it would end the process.
    pool.on('error', () => {});
  }

  all(text: string, ...values: SqlValue[]): Promise<Row[]> {
    return run(this.#pool, text, values);
  }

  migrating<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.transaction(async (sql) => {
      await sql.all('SELECT pg_advisory_xact_lock($1)', migrationLock);
      return work(sql);
    });
  }

  async transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    const sql: Sql = { all: (text, ...values) => run(client, text, values) };
    try {
      await client.query('BEGIN');
      const value = await work(sql);
      await client.query('COMMIT');
      client.release();
      return value;
    } catch (error) {
      await client.query('ROLLBACK').then(
        () => client.release(),
        (broken: Error) => client.release(broken),
      );
      throw error;
    }
  }
}

const int8 = 20;
const numbers: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === int8 ? Number : pg.types.getTypeParser(oid as never, format as never),
} as pg.CustomTypesConfig;

async function run(target: pg.Pool | pg.ClientBase, text: string, values: SqlValue[]): Promise<Row[]> {
  const { rows } = await target.query<Row>({ text, values, types: numbers });
  return rows;
}
