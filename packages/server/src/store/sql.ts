/** What a store asks of a database: a few statements, the same text for every engine. */
import type { LoggedEvent } from '@meetcast/protocol';
import type { LastSession } from './store.ts';

export type SqlValue = string | number | null;
export type Row = Record<string, SqlValue>;

/** Runs one statement and gives its rows. Parameters are `$1 …`; whole numbers come back as numbers. */
export interface Sql {
  all(text: string, values?: readonly SqlValue[]): Promise<Row[]>;
}

/** A database. Every call rejects within seconds if the server is away or hangs, and a later one finds it again. */
export interface SqlEngine extends Sql {
  /** What a SELECT ends with to hold its rows until the transaction ends; empty where writers exclude each other. */
  readonly rowLock: string;
  /** Commits when the work resolves, else leaves nothing. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** The same with more time, for one process at a time. */
  migrating<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** The transaction lost against another one: the same again may succeed. */
  isConflict(error: unknown): boolean;
  /** The database took offence at what was written: the same again fails again. */
  isRefusal(error: unknown): boolean;
  /** Called after text was deleted: whatever the engine can do so that none of it stays in the files. */
  scrub(): Promise<void>;
  close(): Promise<void>;
}

/** Rows of one statement at most: what it takes to parse one grows faster than its length. */
const rowsAtATime = 100;

/** `($1, $2), ($3, $4)` for rows of values; with types where the engine cannot tell them by itself. */
export function tuples(rows: readonly (readonly SqlValue[])[], types?: readonly string[]): string {
  let last = 0;
  const parameter = (_value: SqlValue, column: number) => {
    last += 1;
    return types ? `CAST($${last} AS ${types[column]})` : `$${last}`;
  };
  return rows.map((row) => `(${row.map(parameter).join(', ')})`).join(', ');
}

/** The rows of `(a, b) IN (…)` for pairs of whole numbers. */
export const pairs = (rows: readonly (readonly SqlValue[])[]): string =>
  `VALUES ${tuples(rows, ['BIGINT', 'BIGINT'])}`;

/** Runs a statement for many rows, as few times as possible. */
export async function forRows(
  sql: Sql,
  rows: readonly (readonly SqlValue[])[],
  text: (some: readonly (readonly SqlValue[])[]) => string,
): Promise<Row[]> {
  const results: Row[] = [];
  for (let from = 0; from < rows.length; from += rowsAtATime) {
    const some = rows.slice(from, from + rowsAtATime);
    results.push(...(await sql.all(text(some), some.flat())));
  }
  return results;
}

export const eventIn = (row: Row): LoggedEvent => JSON.parse(String(row.event)) as LoggedEvent;

/** Of a row of coverage. */
export const lastSessionIn = ({ session, session_from_ms: fromMs }: Row): LastSession | undefined =>
  session === null ? undefined : { session: String(session), fromMs: Number(fromMs) };

/** The epoch that a meeting gets which does not exist yet. */
export async function nextEpoch(sql: Sql): Promise<string> {
  const [row] = await sql.all(`SELECT value, text FROM meetcast_store WHERE name = 'epoch'`);
  return `${row?.text}-${row?.value}`;
}
