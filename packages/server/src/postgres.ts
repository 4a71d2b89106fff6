/** The store of many nodes. */
export { type PostgresOptions, postgresStore } from './store/postgres.ts';
