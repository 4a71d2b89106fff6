import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { sqliteStore } from '../../src/store/sqlite.ts';
import { storeContract } from './store-contract.ts';

const directory = mkdtempSync(join(tmpdir(), 'meetcast-sqlite-'));
afterAll(() => rmSync(directory, { recursive: true }));

storeContract(async () => sqliteStore({ directory }));
