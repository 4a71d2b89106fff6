/** A store on any database that runs this SQL. */
import type { LogEntry, TranscriptFinal } from '@meetcast/protocol';
import type { MeetingRef } from '../lib/meeting.ts';
import { migrator } from './migrate.ts';
import { termsOf } from './search-terms.ts';
import {
  eventIn,
  lastSessionIn,
  nextEpoch,
  type Row,
  type Sql,
  type SqlEngine,
  type SqlValue,
} from './sql.ts';
import { writeBatch } from './sql-batch.ts';
import { forget, retract } from './sql-deletions.ts';
import { MissingError, makeLogs } from './sql-logs.ts';
import { searchIn } from './sql-search.ts';
import type {
  AppendOptions,
  Head,
  LastSession,
  Logged,
  MeetingInfo,
  Page,
  PageRequest,
  Reach,
  Retraction,
  Store,
} from './store.ts';
import { WriteQueue } from './write-queue.ts';

export interface SqlStoreOptions {
  /** Whether the recognizer's own words for an entry are kept beside it; default no. */
  readonly keepRaw?: boolean;
}

export function sqlStore(engine: SqlEngine, { keepRaw = false }: SqlStoreOptions): Store {
  return new SqlStore(engine, keepRaw);
}

/** A subquery rather than a join: so the index gives the rows in order, and a page reads no more than a page. */
const meetingNamed = '(SELECT meeting FROM meetcast_meetings WHERE tenant = $1 AND id = $2)';

/** How often a transaction is run that lost against another one, or lacked a meeting. */
const tries = 5;

class SqlStore implements Store {
  readonly #engine: SqlEngine;
  readonly #keepRaw: boolean;
  readonly #migrated: () => Promise<void>;
  readonly #writes: WriteQueue;
  #closed: Promise<void> | undefined;

  constructor(engine: SqlEngine, keepRaw: boolean) {
    this.#engine = engine;
    this.#keepRaw = keepRaw;
    this.#migrated = migrator(engine);
    this.#writes = new WriteQueue({
      together: (writes) => this.#transaction((sql) => writeBatch(sql, engine.rowLock, writes)),
      alone: (work) => this.#transaction(work),
      // A TypeError: what was given has no JSON.
      isRefusal: (error) => error instanceof TypeError || engine.isRefusal(error),
    });
    this.#migrated().catch(() => {}); // Whoever calls next tries again, and is told.
  }

  async append(meeting: MeetingRef, entry: LogEntry, options: AppendOptions = {}): Promise<Logged> {
    this.#checkOpen();
    const { epoch, event } = await this.#writes.write({
      ...options,
      meeting,
      entry,
      raw: this.#keepRaw ? options.raw : undefined,
      terms: entry.type === 'transcript.final' ? termsOf(entry.text) : [],
    });
    if (!event) throw new Error('an entry that was written is there');
    return { epoch, event };
  }

  async cover(meeting: MeetingRef, reach: Reach, epoch?: string): Promise<number> {
    this.#checkOpen();
    const { coveredMs } = await this.#writes.write({ meeting, reach, epoch });
    return coveredMs;
  }

  async retract(meeting: MeetingRef, what: Retraction, ts: string): Promise<Logged> {
    this.#checkOpen();
    const { rowLock } = this.#engine;
    const logged = await this.#writes.alone((sql) => retract(sql, { rowLock, meeting, what, ts }));
    await this.#engine.scrub();
    return logged;
  }

  async forget(meeting: MeetingRef): Promise<boolean> {
    this.#checkOpen();
    const isForgotten = await this.#writes.alone((sql) => forget(sql, meeting));
    if (isForgotten) await this.#engine.scrub();
    return isForgotten;
  }

  async read({ tenant, id }: MeetingRef, after: number, limit: number) {
    const rows = await this.#all(
      `SELECT (SELECT epoch FROM meetcast_meetings WHERE tenant = $1 AND id = $2) AS epoch, event
       FROM meetcast_entries WHERE meeting = ${meetingNamed} AND seq > $3 ORDER BY seq LIMIT $4`,
      [tenant, id, after, limit],
    );
    const epoch = rows[0] ? String(rows[0].epoch) : (await this.head({ tenant, id })).epoch;
    return { epoch, events: rows.map(eventIn) };
  }

  async head({ tenant, id }: MeetingRef): Promise<Head> {
    const [row] = await this.#all(
      `SELECT epoch, last_seq, last_segment FROM meetcast_meetings WHERE tenant = $1 AND id = $2`,
      [tenant, id],
    );
    if (!row) return { epoch: await nextEpoch(this.#engine), seq: 0, segmentNo: 0 };
    return { epoch: String(row.epoch), seq: Number(row.last_seq), segmentNo: Number(row.last_segment) };
  }

  async covered({ tenant, id }: MeetingRef, source: Reach['source']): Promise<number> {
    const [row] = await this.#all(
      `SELECT covered_ms FROM meetcast_coverage WHERE meeting = ${meetingNamed} AND source = $3`,
      [tenant, id, source],
    );
    return Number(row?.covered_ms ?? 0);
  }

  async lastSession({ tenant, id }: MeetingRef, source: Reach['source']): Promise<LastSession | undefined> {
    const [row] = await this.#all(
      `SELECT session, session_from_ms FROM meetcast_coverage WHERE meeting = ${meetingNamed} AND source = $3`,
      [tenant, id, source],
    );
    return row && lastSessionIn(row);
  }

  async raw({ tenant, id }: MeetingRef, seq: number): Promise<string | undefined> {
    const [row] = await this.#all(
      `SELECT raw FROM meetcast_entries WHERE meeting = ${meetingNamed} AND seq = $3 AND raw IS NOT NULL`,
      [tenant, id, seq],
    );
    return row && String(row.raw);
  }

  async transcript({ tenant, id }: MeetingRef, after: number, limit: number): Promise<TranscriptFinal[]> {
    const rows = await this.#all(
      `SELECT event FROM meetcast_entries WHERE meeting = ${meetingNamed} AND seq > $3
       AND type = 'transcript.final' AND stands = 1 ORDER BY seq LIMIT $4`,
      [tenant, id, after, limit],
    );
    return rows.map(eventIn).flatMap((event) => (event.type === 'transcript.final' ? [event] : []));
  }

  async meeting({ tenant, id }: MeetingRef): Promise<MeetingInfo | undefined> {
    const [row] = await this.#all(
      `SELECT * FROM meetcast_meetings WHERE tenant = $1 AND id = $2 AND last_seq > 0`,
      [tenant, id],
    );
    return row && infoIn(row);
  }

  async meetings(tenant: string, { after, limit }: PageRequest): Promise<Page<MeetingInfo>> {
    const rows = await this.#all(
      `SELECT * FROM meetcast_meetings WHERE tenant = $1 AND meeting < $2 AND last_seq > 0
       ORDER BY meeting DESC LIMIT $3`,
      [tenant, after === undefined ? Number.MAX_SAFE_INTEGER : Number(after), limit + 1],
    );
    const page = rows.slice(0, limit);
    return { items: page.map(infoIn), next: rows.length > limit ? String(page.at(-1)?.meeting) : undefined };
  }

  async search(where: { tenant: string; id?: string }, terms: readonly string[], page: PageRequest) {
    await this.#ready();
    return searchIn(this.#engine, { ...where, terms }, page);
  }

  async ping(): Promise<void> {
    await this.#transaction((sql) =>
      sql.all(`UPDATE meetcast_store SET value = value + 1 WHERE name = 'ping'`),
    );
  }

  /** What was asked for before is done before. */
  close(): Promise<void> {
    this.#closed ??= this.#writes.idle().then(() => this.#engine.close());
    return this.#closed;
  }

  async #transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    await this.#migrated();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#engine.transaction(work);
      } catch (error) {
        const isMissing = error instanceof MissingError;
        if (attempt === tries || !(isMissing || this.#engine.isConflict(error))) throw error;
        if (isMissing) await this.#engine.transaction((sql) => makeLogs(sql, error.meetings));
      }
    }
  }

  async #all(text: string, values: readonly SqlValue[]): Promise<Row[]> {
    await this.#ready();
    return this.#engine.all(text, values);
  }

  async #ready(): Promise<void> {
    this.#checkOpen();
    await this.#migrated();
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw new Error('the store is closed');
  }
}

const infoIn = (row: Row): MeetingInfo => ({
  id: String(row.id),
  epoch: String(row.epoch),
  seq: Number(row.last_seq),
  title: row.title === null ? undefined : String(row.title),
  startedAt: String(row.started_at),
  endedAt: row.ended_at === null ? undefined : String(row.ended_at),
  languages: JSON.parse(String(row.languages)),
  sources: JSON.parse(String(row.sources)),
});
