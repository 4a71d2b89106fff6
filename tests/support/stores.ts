/** The stores that need no server, each new for its test and gone with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryStore, type Store } from '@meetcast/server';
import { sqliteStore } from '@meetcast/server/sqlite';
import { onTestFinished } from 'vitest';

export const stores: readonly (readonly [name: string, open: () => Store])[] = [
  ['memory', memoryStore],
  ['SQLite', openSqlite],
];

function openSqlite(): Store {
  const directory = mkdtempSync(join(tmpdir(), 'meetcast-'));
  const store = sqliteStore({ folder: directory });
  // Hooks run last in, first out: the hub that is started on it has ended before.
  onTestFinished(async () => {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return store;
}
