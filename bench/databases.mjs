/** The two databases under measurement: a store on each, and SQL beside it to fill, count and explain. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libsql, pg, postgresStore, sqliteStore } from './packages.mjs';
import { startPostgres } from './postgres.mjs';

export async function sqlite() {
  const directory = mkdtempSync(join(tmpdir(), 'meetcast-bench-'));
  const store = sqliteStore({ folder: directory });
  await store.ping();
  const file = new libsql(join(directory, 'meetcast.db'));
  for (const pragma of ['synchronous = OFF', 'cache_size = -400000', 'temp_store = MEMORY']) {
    file.exec(`PRAGMA ${pragma}`);
  }
  const all = async (text, values = []) => file.prepare(text.replace(/\$(\d+)/g, '?$1')).all(values);
  return {
    name: 'SQLite',
    store,
    all,
    // A page of rows a statement: what it takes to parse one grows faster than its length.
    insert: (into, rows) => insertPages(all, into, rows, 100),
    bulk: {
      begin: () => file.exec('BEGIN; DROP INDEX meetcast_terms_entry'),
      end: () =>
        file.exec('COMMIT; CREATE INDEX meetcast_terms_entry ON meetcast_terms (meeting, seq); ANALYZE'),
    },
    async explain(text, values) {
      const rows = await all(`EXPLAIN QUERY PLAN ${text}`, values);
      return rows.map(({ detail }) => detail);
    },
    bytes: () => readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0),
    async close() {
      file.close();
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
}

/** Undefined if PostgreSQL is not installed. */
export async function postgres() {
  const server = await startPostgres();
  if (!server) return undefined;
  const store = postgresStore({ url: server.url });
  await store.ping();
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const all = async (text, values = []) => (await client.query(text, values)).rows;
  return {
    name: 'PostgreSQL',
    store,
    all,
    insert: (into, rows) => insertPages(all, into, rows, 1_000),
    bulk: {
      begin: () =>
        client.query(`SET synchronous_commit = off; DROP INDEX meetcast_terms_entry;
          ALTER TABLE meetcast_terms DROP CONSTRAINT meetcast_terms_pkey`),
      async end() {
        await client.query(`SET maintenance_work_mem = '512MB'`);
        await client.query('ALTER TABLE meetcast_terms ADD PRIMARY KEY (tenant, term, meeting, seq)');
        await client.query('CREATE INDEX meetcast_terms_entry ON meetcast_terms (meeting, seq)');
        await client.query('VACUUM ANALYZE'); // As autovacuum would have, in a database that grew in a year.
      },
    },
    async explain(text, values) {
      const rows = await all(`EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) ${text}`, values);
      return rows.map((row) => row['QUERY PLAN']);
    },
    async bytes() {
      const [row] = await all('SELECT pg_database_size(current_database()) AS bytes');
      return Number(row.bytes);
    },
    async close() {
      await client.end();
      await store.close();
      await server.stop();
    },
  };
}

async function insertPages(all, into, rows, page) {
  const width = rows[0]?.length ?? 0;
  for (let from = 0; from < rows.length; from += page) {
    const some = rows.slice(from, from + page);
    let last = 0;
    const tuples = some.map(() => `(${Array.from({ length: width }, () => `$${++last}`).join(', ')})`);
    await all(`INSERT INTO ${into} VALUES ${tuples.join(', ')}`, some.flat());
  }
}
