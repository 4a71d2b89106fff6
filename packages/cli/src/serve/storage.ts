/** Where a served hub keeps its transcripts: SQLite in a folder, PostgreSQL, or this process's memory. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { memoryStore, type Store } from '@meetcast/server';
import { type Database, databaseFile } from '../database-url.ts';
import { CliError, messageOf, whyAway } from '../exit.ts';
import { serveNote, serveProblem } from '../sentences.ts';
import type { ServeSettings } from './settings.ts';

/** Decided by flags and settings alone. */
export type StoragePlan = Database | { name: 'memory' };

export interface Storage {
  store: Store;
  /** What people should know about it. */
  note: string;
  close(): Promise<void>;
}

export interface StorageFlags {
  data?: string;
  memory: boolean;
}

const defaultDirectory = 'meetcast-data';

export function storagePlan({ data, memory }: StorageFlags, settings: ServeSettings): StoragePlan {
  if (memory && settings.REDIS_URL !== undefined)
    throw new CliError('usage', ...serveProblem.memoryInCluster);
  if (memory) return { name: 'memory' };
  return settings.DATABASE_URL ?? { name: 'sqlite', directory: data ?? defaultDirectory };
}

/** Where a secret outlives this run; nowhere, unless something else is kept there too or somebody asked for it. */
export const directoryOf = (plan: StoragePlan, { data }: StorageFlags): string | undefined =>
  data ?? (plan.name === 'sqlite' ? plan.directory : undefined);

/** `say`: told later, if something changes. */
export function openStorage(plan: StoragePlan, say: (text: string) => void): Promise<Storage> {
  if (plan.name === 'postgres') return inPostgres(plan.url, say);
  if (plan.name === 'sqlite') return inDirectory(plan.directory);
  const store = memoryStore();
  return Promise.resolve({ store, note: serveNote.inMemory, close: () => store.close() });
}

async function inDirectory(directory: string): Promise<Storage> {
  const store = await openDirectory(directory).catch((error: unknown) => {
    throw unusable(directory, error);
  });
  const note = serveNote.storedIn(join(directory, databaseFile));
  return { store, note, close: () => store.close() };
}

async function openDirectory(directory: string): Promise<Store> {
  await makeDirectory(directory);
  const { sqliteStore } = await import('@meetcast/server/sqlite');
  const store = sqliteStore({ folder: directory });
  try {
    await store.ping();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** What people said in a meeting is not for everybody on the machine. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

export const unusable = (directory: string, error: unknown): CliError =>
  new CliError('failed', ...serveProblem.folderUnusable(directory, messageOf(error)));

async function inPostgres(url: string, say: (text: string) => void): Promise<Storage> {
  const { postgresStore } = await import('@meetcast/server/postgres');
  const store = postgresStore({ url });
  const where = placeOf(url);
  const closing = new AbortController();
  const watching = sayWhenThere(store, where, say, closing.signal);
  return {
    store,
    note: serveNote.storedIn(where),
    close: async () => {
      closing.abort();
      await watching;
      await store.close();
    },
  };
}

/** Without user and password. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `PostgreSQL at ${host}${pathname}`;
}

const pingEveryMs = 1_000;

/** A database may start after its hub: nobody is turned away meanwhile, but people should know. */
async function sayWhenThere(
  store: Store,
  where: string,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let wasAway = false; ; wasAway = true) {
    const problem = await store.ping().then(() => undefined, whyAway);
    if (signal.aborted) return;
    if (problem === undefined) return wasAway ? say(serveNote.isBack(where)) : undefined;
    if (!wasAway) say(serveNote.postgresAway(where, problem));
    await delay(pingEveryMs, undefined, { signal }).catch(() => {});
  }
}
