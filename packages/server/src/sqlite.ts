/** The embedded store. */
export { type SqliteOptions, sqliteStore } from './store/sqlite.ts';
