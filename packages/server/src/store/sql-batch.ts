/** Many writes of many logs in one transaction, in a number of statements that does not grow with them. */
import type { LoggedEvent, Source } from '@meetcast/protocol';
import { isNamed } from '../errors.ts';
import { type MeetingRef, meetingKey } from '../meeting.ts';
import { factsOf } from './entry-facts.ts';
import { type Coverage, LogDraft, type LogRow, type LogWrite, type Written } from './log-draft.ts';
import { eventIn, forRows, pairs, type Sql } from './sql.ts';
import { openLogs } from './sql-logs.ts';
import { save } from './sql-save.ts';

/** A write that was made, or one that a newer claim shut out. */
export type Outcome = { readonly written: Written } | { readonly refused: unknown };

/** The writes of one meeting happen in the order they are in; what is refused changes nothing. */
export async function writeBatch(sql: Sql, rowLock: string, writes: readonly LogWrite[]): Promise<Outcome[]> {
  const drafts = await draftsOf(sql, rowLock, writes);
  const outcomes = writes.map((write) => outcomeOf(drafts.get(meetingKey(write.meeting)), write));
  await save(sql, [...drafts.values()]);
  return outcomes;
}

function outcomeOf(draft: LogDraft | undefined, write: LogWrite): Outcome {
  if (!draft) throw new Error(`"${write.meeting.id}" was not opened`);
  try {
    return { written: draft.write(write) };
  } catch (error) {
    if (!isNamed('StaleFenceError', error)) throw error;
    return { refused: error };
  }
}

async function draftsOf(sql: Sql, rowLock: string, writes: readonly LogWrite[]) {
  const refs = new Map<string, MeetingRef>(writes.map(({ meeting }) => [meetingKey(meeting), meeting]));
  const rows = await openLogs(sql, rowLock, [...refs.values()]);
  const covered = await coverageOf(sql, rows);
  const segments = await segmentsOf(sql, rows, writes);
  return new Map(
    rows.map((row) => [
      meetingKey(row.ref),
      new LogDraft(row, covered.get(row.meeting) ?? new Map(), segments.get(row.meeting) ?? new Map()),
    ]),
  );
}

async function coverageOf(sql: Sql, logs: readonly LogRow[]) {
  const rows = await sql.all(
    `SELECT meeting, source, fence, covered_ms FROM meetcast_coverage
     WHERE meeting IN (${logs.map((_log, index) => `$${index + 1}`).join(', ')})`,
    logs.map(({ meeting }) => meeting),
  );
  const covered = new Map<number, Map<Source, Coverage>>();
  for (const row of rows) {
    const coverage = { fence: Number(row.fence), coveredMs: Number(row.covered_ms) };
    inner(covered, Number(row.meeting)).set(row.source as Source, coverage);
  }
  return covered;
}

/** The entries there are of the segments that will be written. */
async function segmentsOf(sql: Sql, logs: readonly LogRow[], writes: readonly LogWrite[]) {
  const meetings = new Map(logs.map(({ ref, meeting }) => [meetingKey(ref), meeting]));
  const wanted = writes.flatMap(({ meeting, entry }) => {
    const segmentNo = entry && factsOf(entry).segmentNo;
    return segmentNo === undefined ? [] : [[meetings.get(meetingKey(meeting)) ?? 0, segmentNo]];
  });
  const rows = await forRows(
    sql,
    wanted,
    (some) => `SELECT meeting, segment_no, event FROM meetcast_entries
      WHERE (meeting, segment_no) IN (${pairs(some)})`,
  );
  const segments = new Map<number, Map<number, LoggedEvent>>();
  for (const row of rows) inner(segments, Number(row.meeting)).set(Number(row.segment_no), eventIn(row));
  return segments;
}

/** The map of a meeting, made if it is missing. */
function inner<K, V>(maps: Map<number, Map<K, V>>, meeting: number): Map<K, V> {
  const map = maps.get(meeting) ?? new Map<K, V>();
  maps.set(meeting, map);
  return map;
}
