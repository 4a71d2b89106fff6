/** Meetings' own rows: found and held until the transaction ends, or made. */
import type { Source } from '@meetcast/protocol';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import type { LogRow } from './log-draft.ts';
import { nextEpoch, type Row, type Sql, tuples } from './sql.ts';

/** Some meetings of a transaction are not there: it can be run again once they are made. */
export class MissingError extends Error {
  override readonly name = 'MissingError';
  readonly meetings: readonly MeetingRef[];

  constructor(meetings: readonly MeetingRef[]) {
    super('a meeting is missing');
    this.meetings = meetings;
  }
}

/** Everybody takes these locks in the order of the meetings' numbers, or two nodes would wait for each other. */
export async function openLogs(sql: Sql, rowLock: string, refs: readonly MeetingRef[]): Promise<LogRow[]> {
  const rows = await sql.all(
    `SELECT * FROM meetcast_meetings WHERE (tenant, id) IN (VALUES ${tuples(refs.map(nameOf))})
     ORDER BY meeting ${rowLock}`,
    refs.flatMap(nameOf),
  );
  const logs = rows.map(logIn);
  if (logs.length < refs.length) {
    const there = new Set(logs.map(({ ref }) => meetingKey(ref)));
    throw new MissingError(refs.filter((ref) => !there.has(meetingKey(ref))));
  }
  return logs;
}

/** Makes empty logs, in a transaction of its own: it would hold everybody's counter. Another node may make the same. */
export async function makeLogs(sql: Sql, refs: readonly MeetingRef[]): Promise<void> {
  const [counter] = await sql.all(
    `UPDATE meetcast_store SET value = value + $1 WHERE name = 'meeting' RETURNING value`,
    [refs.length],
  );
  const epoch = await nextEpoch(sql);
  const first = Number(counter?.value) - refs.length + 1;
  const rows = refs.map(({ tenant, id }, index) => [first + index, tenant, id, epoch, 0, 0, '[]', '[]']);
  await sql.all(
    `INSERT INTO meetcast_meetings (meeting, tenant, id, epoch, last_seq, last_segment, languages, sources)
     VALUES ${tuples(rows)} ON CONFLICT (tenant, id) DO NOTHING`,
    rows.flat(),
  );
}

const nameOf = ({ tenant, id }: MeetingRef) => [tenant, id];

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
