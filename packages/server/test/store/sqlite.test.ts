import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeContract } from '@meetcast/testing/contracts';
import { afterAll } from 'vitest';
import { sqliteStore } from '../../src/store/sqlite.ts';

const directory = mkdtempSync(join(tmpdir(), 'meetcast-sqlite-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** In every byte of every file, used or free. */
const hasText = async (text: string) =>
  readdirSync(directory).some((name) => readFileSync(join(directory, name)).includes(text));

storeContract('the SQLite store', (options) => sqliteStore({ folder: directory, ...options }), { hasText });
