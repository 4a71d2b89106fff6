/** The stores as they are built (`pnpm build:js`), and the drivers they use. */
import { createRequire } from 'node:module';

const require = createRequire(new URL('../packages/server/package.json', import.meta.url));

export const pg = require('pg');
export const libsql = require('libsql');
export const libsqlPromise = require('libsql/promise');
export const { postgresStore } = require('./dist/postgres.cjs');
export const { sqliteStore } = require('./dist/sqlite.cjs');
