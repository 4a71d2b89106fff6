/** Meetings' own rows: found, made if they are missing, and held until the transaction ends. */
import type { Source } from '@meetcast/protocol';
import { type MeetingRef, meetingKey } from '../meeting.ts';
import type { LogRow } from './log-draft.ts';
import { nextEpoch, type Row, type Sql, tuples } from './sql.ts';

/** A meeting was forgotten between finding its row and holding it: the same transaction again makes a new one. */
export class VanishedError extends Error {
  override readonly name = 'VanishedError';
}

/**
 * Locks are taken in one order by everybody, or two nodes would wait for each other: the counter of meetings, then
 * meetings by their number, then the epoch.
 */
export async function openLogs(sql: Sql, rowLock: string, refs: readonly MeetingRef[]): Promise<LogRow[]> {
  const named = `WHERE (tenant, id) IN (VALUES ${tuples(refs.map(nameOf))})`;
  const names = refs.flatMap(nameOf);
  const there = await sql.all(`SELECT tenant, id FROM meetcast_meetings ${named}`, names);
  if (there.length < refs.length) await makeMissing(sql, refs, new Set(there.map(keyIn)));
  const rows = await sql.all(`SELECT * FROM meetcast_meetings ${named} ORDER BY meeting ${rowLock}`, names);
  if (rows.length < refs.length) throw new VanishedError('a meeting was forgotten while it was written');
  return rows.map(logIn);
}

const nameOf = ({ tenant, id }: MeetingRef) => [tenant, id];
const keyIn = (row: Row) => meetingKey({ tenant: String(row.tenant), id: String(row.id) });

/** Another node may make the same meetings now: the counter lets one after the other do it. */
async function makeMissing(sql: Sql, refs: readonly MeetingRef[], there: ReadonlySet<string>): Promise<void> {
  const missing = refs.filter((ref) => !there.has(meetingKey(ref)));
  const [counter] = await sql.all(
    `UPDATE meetcast_store SET value = value + $1 WHERE name = 'meeting' RETURNING value`,
    [missing.length],
  );
  const epoch = await nextEpoch(sql);
  const firstNumber = Number(counter?.value) - missing.length + 1;
  const rows = missing.map(({ tenant, id }, index) => [
    firstNumber + index,
    tenant,
    id,
    epoch,
    0,
    0,
    '[]',
    '[]',
  ]);
  await sql.all(
    `INSERT INTO meetcast_meetings (meeting, tenant, id, epoch, last_seq, last_segment, languages, sources)
     VALUES ${tuples(rows)} ON CONFLICT (tenant, id) DO NOTHING`,
    rows.flat(),
  );
}

const logIn = (row: Row): LogRow => ({
  meeting: Number(row.meeting),
  ref: { tenant: String(row.tenant), id: String(row.id) },
  epoch: String(row.epoch),
  seq: Number(row.last_seq),
  segmentNo: Number(row.last_segment),
  title: textIn(row.title),
  startedAt: textIn(row.started_at),
  endedAt: textIn(row.ended_at),
  languages: JSON.parse(String(row.languages)) as string[],
  sources: JSON.parse(String(row.sources)) as Source[],
});

const textIn = (value: Row[string] | undefined) =>
  value === null || value === undefined ? null : String(value);
