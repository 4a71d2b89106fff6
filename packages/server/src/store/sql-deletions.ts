/** What takes text away: retractions, and forgetting a meeting. */
import type { MeetingRef } from '../meeting.ts';
import { retractionEntry, tombstoneOf } from './entry-facts.ts';
import { LogDraft } from './log-draft.ts';
import { eventIn, type Sql } from './sql.ts';
import { openLogs } from './sql-logs.ts';
import { deleteTerms, save } from './sql-save.ts';
import type { Logged, Retraction } from './store.ts';

export async function retract(
  sql: Sql,
  rowLock: string,
  ref: MeetingRef,
  what: Retraction,
  ts: string,
): Promise<Logged> {
  const [row] = await openLogs(sql, rowLock, [ref]);
  if (!row) throw new Error(`"${ref.id}" was not opened`);
  const finals = await meantBy(sql, row.meeting, what);
  for (const final of finals) {
    await sql.all(
      `UPDATE meetcast_entries SET type = 'retract', speaker = NULL, raw = NULL, stands = 0, event = $3
       WHERE meeting = $1 AND seq = $2`,
      [row.meeting, final.seq, JSON.stringify(tombstoneOf(final))],
    );
  }
  await deleteTerms(
    sql,
    finals.map(({ seq }) => [row.meeting, seq]),
  );
  const draft = new LogDraft(row, new Map(), new Map());
  const { epoch, event } = draft.write({
    meeting: ref,
    entry: retractionEntry(ref.id, what, ts),
  });
  await save(sql, [draft]);
  if (!event) throw new Error('a retraction is an entry');
  return { epoch, event };
}

async function meantBy(sql: Sql, meeting: number, what: Retraction) {
  const finals = `SELECT event FROM meetcast_entries WHERE meeting = $1 AND type = 'transcript.final'`;
  const rows =
    'segmentNo' in what
      ? await sql.all(`${finals} AND segment_no = $2`, [meeting, what.segmentNo])
      : await sql.all(`${finals} AND start_ms < $2 AND end_ms > $3 AND ($4 = '' OR source = $4)`, [
          meeting,
          what.endMs,
          what.startMs,
          what.source ?? '',
        ]);
  return rows.map(eventIn).flatMap((event) => (event.type === 'transcript.final' ? [event] : []));
}

export async function forget(sql: Sql, { tenant, id }: MeetingRef): Promise<boolean> {
  const [row] = await sql.all(
    'DELETE FROM meetcast_meetings WHERE tenant = $1 AND id = $2 RETURNING meeting',
    [tenant, id],
  );
  if (!row) return false;
  for (const table of ['meetcast_entries', 'meetcast_coverage', 'meetcast_terms']) {
    await sql.all(`DELETE FROM ${table} WHERE meeting = $1`, [Number(row.meeting)]);
  }
  await sql.all(`UPDATE meetcast_store SET value = value + 1 WHERE name = 'epoch'`);
  return true;
}
