/** What takes text away: retractions, and forgetting a meeting. */
import type { MeetingRef } from '../lib/meeting.ts';
import { LogDraft } from './log-draft.ts';
import { finalsMeant, retractionEntry, tombstoneOf } from './retractions.ts';
import { eventIn, type Sql } from './sql.ts';
import { openLogs } from './sql-logs.ts';
import { deleteTerms, save } from './sql-save.ts';
import type { Logged, Retraction } from './store.ts';

interface Retracting {
  readonly rowLock: string;
  readonly meeting: MeetingRef;
  readonly what: Retraction;
  readonly ts: string;
}

export async function retract(sql: Sql, { rowLock, meeting, what, ts }: Retracting): Promise<Logged> {
  const [row] = await openLogs(sql, rowLock, [meeting]);
  if (!row) throw new Error(`"${meeting.id}" was not opened`);
  const about = { meetingId: meeting.id, ts };
  const finals = finalsMeant(await finalsOf(sql, row.meeting), retractionEntry(about, what));
  for (const final of finals) {
    await sql.all(
      `UPDATE meetcast_entries SET type = 'retract', speaker = NULL, raw = NULL, event = $3
       WHERE meeting = $1 AND seq = $2`,
      [row.meeting, final.seq, JSON.stringify({ ...tombstoneOf(final), seq: final.seq })],
    );
  }
  await deleteTerms(
    sql,
    finals.map(({ seq }) => [row.meeting, seq]),
  );
  const draft = new LogDraft(row);
  const { epoch, event } = draft.write({ meeting, entry: retractionEntry(about, what, finals) });
  await save(sql, [draft]);
  if (!event) throw new Error('a retraction is an entry');
  return { epoch, event };
}

/** All of a meeting's: a retraction is rare, and what it takes depends on what revises what. */
async function finalsOf(sql: Sql, meeting: number) {
  const rows = await sql.all(
    `SELECT event FROM meetcast_entries WHERE meeting = $1 AND type = 'transcript.final' ORDER BY seq`,
    [meeting],
  );
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
