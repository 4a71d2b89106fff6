import { postgresStore } from '@meetcast/server/postgres';
import { storeContract } from '@meetcast/testing/contracts';
import pg from 'pg';
import { afterAll, describe, inject } from 'vitest';

const url = inject('pgUrl') ?? '';

describe.skipIf(!url)('PostgreSQL', () => {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  afterAll(() => pool.end());

  /** In every column of every row of every table. */
  async function hasText(text: string): Promise<boolean> {
    const tables = await pool.query(`SELECT tablename FROM pg_tables WHERE tablename LIKE 'meetcast%'`);
    for (const { tablename } of tables.rows) {
      const rows = await pool.query(`SELECT 1 FROM ${tablename} t WHERE t::text LIKE '%' || $1 || '%'`, [
        text,
      ]);
      if (rows.rowCount) return true;
    }
    return false;
  }

  storeContract('the store', (options) => postgresStore({ url, ...options }), { hasText });
});
