/** The store of many nodes: PostgreSQL. */
import { checkOptions } from '@meetcast/protocol';
import pg from 'pg';
import { PostgresEngine } from './postgres-engine.ts';
import { type SqlStoreOptions, sqlStore } from './sql-store.ts';
import type { Store } from './store.ts';

/** A pool of the host's, which stays open, or an address to open one for. */
export type PostgresOptions = SqlStoreOptions &
  ({ readonly pool: pg.Pool; readonly url?: never } | { readonly url: string; readonly pool?: never });

export function postgresStore(options: PostgresOptions): Store {
  checkOptions('postgresStore', options, { url: true, pool: true, keepRaw: true });
  if (options.pool) return sqlStore(new PostgresEngine(options.pool, async () => {}), options);
  const pool = new pg.Pool({ connectionString: options.url, max: 8, connectionTimeoutMillis: 5_000 });
  return sqlStore(new PostgresEngine(pool, () => pool.end()), options);
}
