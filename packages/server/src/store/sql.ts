/** A store on any engine that runs this SQL. Parameters are `$1 …`; whole numbers come back as numbers. */
import { randomUUID } from 'node:crypto';
import type { LogEntry, LoggedEvent, TranscriptFinal } from '@meetcast/protocol';
import { StaleFenceError } from '../errors.ts';
import type { MeetingRef } from '../meeting.ts';
import { factsOf, including, tombstoneOf } from './entry-facts.ts';
import { migrations } from './migrations.ts';
import { termsOf } from './search-terms.ts';
import { searchIn } from './sql-search.ts';
import type { Head, Logged, MeetingInfo, Page, PageRequest, Reach, Retraction, Store } from './store.ts';
import { WriteQueue } from './write-queue.ts';

export type SqlValue = string | number | null;
export type Row = Record<string, SqlValue>;

/** Runs one statement and gives its rows. */
export interface Sql {
  all(text: string, ...values: SqlValue[]): Promise<Row[]>;
}

/** An engine. `transaction` commits when the work resolves; while it runs nobody else writes what it wrote. */
export interface SqlEngine extends Sql {
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** Held by one process at a time while the tables are made. */
  migrating<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function sqlStore(engine: SqlEngine): Store {
  const ready = engine.migrating(migrate);
  ready.catch(() => {}); // Whoever calls first is told.
  return new SqlStore(engine, ready);
}

/** Makes what is missing of the tables. */
async function migrate(sql: Sql): Promise<void> {
  await sql.all('CREATE TABLE IF NOT EXISTS meetcast_migrations (version BIGINT PRIMARY KEY)');
  const [row] = await sql.all('SELECT COALESCE(MAX(version), 0) AS version FROM meetcast_migrations');
  for (let version = Number(row?.version); version < migrations.length; version += 1) {
    for (const statement of migrations[version] ?? []) await sql.all(statement);
    await sql.all('INSERT INTO meetcast_migrations (version) VALUES ($1)', version + 1);
  }
  await sql.all(`UPDATE meetcast_store SET text = $1 WHERE name = 'epoch' AND text IS NULL`, randomUUID());
}

interface MeetingRow {
  readonly meeting: number;
  readonly tenant: string;
  readonly epoch: string;
  readonly seq: number;
}

class SqlStore implements Store {
  readonly #engine: SqlEngine;
  readonly #ready: Promise<void>;
  readonly #writes: WriteQueue;

  constructor(engine: SqlEngine, ready: Promise<void>) {
    this.#engine = engine;
    this.#ready = ready;
    this.#writes = new WriteQueue(async (jobs) => {
      await ready;
      await engine.transaction(jobs);
    });
  }

  append(meeting: MeetingRef, entry: LogEntry, reach?: Reach): Promise<Logged> {
    return this.#writes.add(meeting, (sql) => append(sql, meeting, entry, reach));
  }

  cover(meeting: MeetingRef, reach: Reach): Promise<number> {
    return this.#writes.add(meeting, async (sql) =>
      cover(sql, (await openMeeting(sql, meeting)).meeting, reach),
    );
  }

  retract(meeting: MeetingRef, what: Retraction, ts: string): Promise<Logged> {
    return this.#writes.add(meeting, (sql) => retract(sql, meeting, what, ts));
  }

  forget(meeting: MeetingRef): Promise<boolean> {
    return this.#writes.add(meeting, (sql) => forget(sql, meeting));
  }

  async read(meeting: MeetingRef, after: number, limit: number) {
    const rows = await this.#all(
      `SELECT m.epoch, e.event FROM meetcast_meetings m JOIN meetcast_entries e ON e.meeting = m.meeting
       WHERE m.tenant = $1 AND m.id = $2 AND e.seq > $3 ORDER BY e.seq LIMIT $4`,
      meeting.tenant,
      meeting.id,
      after,
      limit,
    );
    const epoch = rows[0] ? String(rows[0].epoch) : (await this.head(meeting)).epoch;
    return { epoch, events: rows.map(eventIn) };
  }

  async head(meeting: MeetingRef): Promise<Head> {
    const [row] = await this.#all(
      `SELECT epoch, last_seq, last_segment FROM meetcast_meetings WHERE tenant = $1 AND id = $2`,
      meeting.tenant,
      meeting.id,
    );
    if (row)
      return { epoch: String(row.epoch), seq: Number(row.last_seq), segmentNo: Number(row.last_segment) };
    await this.#ready;
    return { epoch: await nextEpoch(this.#engine), seq: 0, segmentNo: 0 };
  }

  async covered(meeting: MeetingRef, source: Reach['source']): Promise<number> {
    const [row] = await this.#all(
      `SELECT c.covered_ms FROM meetcast_meetings m JOIN meetcast_coverage c ON c.meeting = m.meeting
       WHERE m.tenant = $1 AND m.id = $2 AND c.source = $3`,
      meeting.tenant,
      meeting.id,
      source,
    );
    return Number(row?.covered_ms ?? 0);
  }

  async transcript(meeting: MeetingRef, after: number, limit: number): Promise<TranscriptFinal[]> {
    const rows = await this.#all(
      `SELECT e.event FROM meetcast_meetings m JOIN meetcast_entries e ON e.meeting = m.meeting
       WHERE m.tenant = $1 AND m.id = $2 AND e.seq > $3 AND e.type = 'transcript.final' AND e.stands = 1
       ORDER BY e.seq LIMIT $4`,
      meeting.tenant,
      meeting.id,
      after,
      limit,
    );
    return rows.map(eventIn).flatMap((event) => (event.type === 'transcript.final' ? [event] : []));
  }

  async meeting({ tenant, id }: MeetingRef): Promise<MeetingInfo | undefined> {
    const [row] = await this.#all(
      `SELECT * FROM meetcast_meetings WHERE tenant = $1 AND id = $2 AND last_seq > 0`,
      tenant,
      id,
    );
    return row && infoIn(row);
  }

  async meetings(tenant: string, { after, limit }: PageRequest): Promise<Page<MeetingInfo>> {
    const rows = await this.#all(
      `SELECT * FROM meetcast_meetings WHERE tenant = $1 AND meeting < $2 AND last_seq > 0 ORDER BY meeting DESC LIMIT $3`,
      tenant,
      after === undefined ? Number.MAX_SAFE_INTEGER : Number(after),
      limit + 1,
    );
    const page = rows.slice(0, limit);
    return { items: page.map(infoIn), next: rows.length > limit ? String(page.at(-1)?.meeting) : undefined };
  }

  async search(where: { tenant: string; id?: string }, terms: readonly string[], page: PageRequest) {
    await this.#ready;
    return searchIn(this.#engine, where, terms, page);
  }

  async ping(): Promise<void> {
    await this.#writes.add({ tenant: '', id: '' }, (sql) =>
      sql.all(`UPDATE meetcast_store SET value = value WHERE name = 'epoch'`),
    );
  }

  async close(): Promise<void> {
    await this.#writes.idle();
    await this.#engine.close();
  }

  async #all(text: string, ...values: SqlValue[]): Promise<Row[]> {
    await this.#ready;
    return this.#engine.all(text, ...values);
  }
}

export const eventIn = (row: Row): LoggedEvent => JSON.parse(String(row.event)) as LoggedEvent;

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

/** The epoch that a meeting gets which does not exist yet. */
async function nextEpoch(sql: Sql): Promise<string> {
  const [row] = await sql.all(`SELECT value, text FROM meetcast_store WHERE name = 'epoch'`);
  return `${row?.text}-${row?.value}`;
}

/** The meeting's row, made if it is missing, and locked until the transaction ends. */
async function openMeeting(sql: Sql, { tenant, id }: MeetingRef): Promise<MeetingRow> {
  const lock = `UPDATE meetcast_meetings SET last_seq = last_seq WHERE tenant = $1 AND id = $2
    RETURNING meeting, epoch, last_seq`;
  let [row] = await sql.all(lock, tenant, id);
  if (!row) {
    const [number] = await sql.all(
      `UPDATE meetcast_store SET value = value + 1 WHERE name = 'meeting' RETURNING value`,
    );
    await sql.all(
      `INSERT INTO meetcast_meetings (meeting, tenant, id, epoch, last_seq, last_segment, languages, sources)
       VALUES ($1, $2, $3, $4, 0, 0, '[]', '[]') ON CONFLICT (tenant, id) DO NOTHING`,
      Number(number?.value),
      tenant,
      id,
      await nextEpoch(sql),
    );
    [row] = await sql.all(lock, tenant, id);
  }
  if (!row) throw new Error('the meeting was forgotten while it was written');
  return { meeting: Number(row.meeting), tenant, epoch: String(row.epoch), seq: Number(row.last_seq) };
}

async function cover(sql: Sql, meeting: number, { source, fence, coveredMs }: Reach): Promise<number> {
  const [row] = await sql.all(
    `INSERT INTO meetcast_coverage (meeting, source, fence, covered_ms) VALUES ($1, $2, $3, $4)
     ON CONFLICT (meeting, source) DO UPDATE SET fence = excluded.fence,
       covered_ms = CASE WHEN excluded.covered_ms > meetcast_coverage.covered_ms
         THEN excluded.covered_ms ELSE meetcast_coverage.covered_ms END
     WHERE meetcast_coverage.fence <= excluded.fence
     RETURNING covered_ms`,
    meeting,
    source,
    fence,
    Math.floor(coveredMs),
  );
  if (!row) throw new StaleFenceError(`claim ${fence} of ${source} was replaced`);
  return Number(row.covered_ms);
}

async function append(sql: Sql, ref: MeetingRef, entry: LogEntry, reach?: Reach): Promise<Logged> {
  const meeting = await openMeeting(sql, ref);
  if (reach) await cover(sql, meeting.meeting, reach);
  const { segmentNo } = factsOf(entry);
  if (segmentNo !== undefined) {
    const [there] = await sql.all(
      `SELECT event FROM meetcast_entries WHERE meeting = $1 AND segment_no = $2`,
      meeting.meeting,
      segmentNo,
    );
    if (there) return { epoch: meeting.epoch, event: eventIn(there) };
  }
  return insert(sql, meeting, entry);
}

async function insert(sql: Sql, meeting: MeetingRow, entry: LogEntry): Promise<Logged> {
  const facts = factsOf(entry);
  const event: LoggedEvent = { ...entry, seq: await nextSeq(sql, meeting.meeting, entry) };
  await sql.all(
    `INSERT INTO meetcast_entries (meeting, seq, type, segment_no, source, speaker, start_ms, end_ms, stands, event)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9)`,
    meeting.meeting,
    event.seq,
    event.type,
    facts.segmentNo ?? null,
    facts.source ?? null,
    'speaker' in event ? (event.speaker ?? null) : null,
    'start_ms' in event ? Math.round(event.start_ms ?? 0) : null,
    'end_ms' in event ? Math.round(event.end_ms ?? 0) : null,
    JSON.stringify(event),
  );
  if (event.type === 'transcript.final') await insertTerms(sql, meeting, event);
  if (facts.revises !== undefined) await unstand(sql, meeting.meeting, facts.revises);
  return { epoch: meeting.epoch, event };
}

/** Gives out the next seq, and keeps what the entry says about its meeting. */
async function nextSeq(sql: Sql, meeting: number, entry: LogEntry): Promise<number> {
  const facts = factsOf(entry);
  const [row] = await sql.all(
    `UPDATE meetcast_meetings SET last_seq = last_seq + 1,
       last_segment = CASE WHEN last_segment < $2 THEN $2 ELSE last_segment END,
       started_at = COALESCE(started_at, $3), title = COALESCE($4, title)
     WHERE meeting = $1 RETURNING last_seq, languages, sources`,
    meeting,
    facts.segmentNo ?? 0,
    entry.ts,
    facts.title ?? null,
  );
  const languages = JSON.stringify(including(JSON.parse(String(row?.languages)), facts.language));
  const sources = JSON.stringify(including(JSON.parse(String(row?.sources)), facts.source));
  if (languages !== row?.languages || sources !== row?.sources) {
    await sql.all(
      'UPDATE meetcast_meetings SET languages = $2, sources = $3 WHERE meeting = $1',
      meeting,
      languages,
      sources,
    );
  }
  if (facts.endedAt !== undefined) {
    await sql.all('UPDATE meetcast_meetings SET ended_at = $2 WHERE meeting = $1', meeting, facts.endedAt);
  }
  return Number(row?.last_seq);
}

async function insertTerms(sql: Sql, { tenant, meeting }: MeetingRow, final: TranscriptFinal): Promise<void> {
  const terms = termsOf(final.text);
  if (terms.length === 0) return;
  const rows = terms.map((_term, index) => `($1, $${index + 4}, $2, $3)`);
  await sql.all(
    `INSERT INTO meetcast_terms (tenant, term, meeting, seq) VALUES ${rows.join(', ')}`,
    tenant,
    meeting,
    final.seq,
    ...terms,
  );
}

/** A final that another one replaces stays in the log, and stands in no transcript. */
async function unstand(sql: Sql, meeting: number, segmentNo: number): Promise<void> {
  const rows = await sql.all(
    `UPDATE meetcast_entries SET stands = 0 WHERE meeting = $1 AND segment_no = $2 RETURNING seq`,
    meeting,
    segmentNo,
  );
  for (const { seq } of rows) await deleteTerms(sql, meeting, Number(seq));
}

const deleteTerms = (sql: Sql, meeting: number, seq: number) =>
  sql.all('DELETE FROM meetcast_terms WHERE meeting = $1 AND seq = $2', meeting, seq);

async function retract(sql: Sql, ref: MeetingRef, what: Retraction, ts: string): Promise<Logged> {
  const meeting = await openMeeting(sql, ref);
  const isSegment = 'segmentNo' in what;
  const rows = isSegment
    ? await sql.all(
        `SELECT event FROM meetcast_entries WHERE meeting = $1 AND segment_no = $2 AND type = 'transcript.final'`,
        meeting.meeting,
        what.segmentNo,
      )
    : await sql.all(
        `SELECT event FROM meetcast_entries WHERE meeting = $1 AND type = 'transcript.final'
         AND start_ms < $2 AND end_ms > $3 AND ($4 = '' OR source = $4)`,
        meeting.meeting,
        what.endMs,
        what.startMs,
        what.source ?? '',
      );
  for (const event of rows.map(eventIn)) {
    if (event.type !== 'transcript.final') continue;
    await sql.all(
      `UPDATE meetcast_entries SET type = 'retract', speaker = NULL, stands = 0, event = $3 WHERE meeting = $1 AND seq = $2`,
      meeting.meeting,
      event.seq,
      JSON.stringify(tombstoneOf(event)),
    );
    await deleteTerms(sql, meeting.meeting, event.seq);
  }
  const target = isSegment ? { segment_no: what.segmentNo } : { start_ms: what.startMs, end_ms: what.endMs };
  return insert(sql, meeting, { type: 'retract', meeting_id: ref.id, ts, ...target });
}

async function forget(sql: Sql, { tenant, id }: MeetingRef): Promise<boolean> {
  const [row] = await sql.all(
    'DELETE FROM meetcast_meetings WHERE tenant = $1 AND id = $2 RETURNING meeting',
    tenant,
    id,
  );
  if (!row) return false;
  for (const table of ['meetcast_entries', 'meetcast_coverage', 'meetcast_terms']) {
    await sql.all(`DELETE FROM ${table} WHERE meeting = $1`, Number(row.meeting));
  }
  await sql.all(`UPDATE meetcast_store SET value = value + 1 WHERE name = 'epoch'`);
  return true;
}
