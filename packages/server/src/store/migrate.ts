/** Brings a database's tables up to date, once, whoever comes first. */
import { randomUUID } from 'node:crypto';
import { migrations } from './migrations.ts';
import type { Sql, SqlEngine } from './sql.ts';

/**
 * Resolves when the tables are there. A failure is not remembered: whoever asks next, when the server is back, starts
 * it again.
 */
export function migrator(engine: SqlEngine): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= migrate(engine).catch((error: unknown) => {
      done = undefined;
      throw error;
    });
    return done;
  };
}

async function migrate(engine: SqlEngine): Promise<void> {
  // Looking first: at most starts nothing is missing, and a role that may not make tables need not try.
  if (await isUpToDate(engine)) return;
  await engine.migrating(async (sql) => {
    await sql.all('CREATE TABLE IF NOT EXISTS meetcast_migrations (version BIGINT PRIMARY KEY)');
    const present = await version(sql);
    for (const [index, statements] of migrations.entries()) {
      if (index < present) continue;
      for (const statement of statements) await sql.all(statement);
      await sql.all('INSERT INTO meetcast_migrations (version) VALUES ($1)', [index + 1]);
    }
    await sql.all(`UPDATE meetcast_store SET text = $1 WHERE name = 'epoch' AND text IS NULL`, [
      randomUUID(),
    ]);
  });
}

async function isUpToDate(sql: Sql): Promise<boolean> {
  try {
    return (await version(sql)) >= migrations.length;
  } catch {
    return false; // Nothing is there yet; if it is the server that is away, the migration says so.
  }
}

async function version(sql: Sql): Promise<number> {
  const [row] = await sql.all('SELECT COALESCE(MAX(version), 0) AS version FROM meetcast_migrations');
  return Number(row?.version);
}
