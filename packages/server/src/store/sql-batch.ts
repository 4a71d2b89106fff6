/** Many writes of many logs in one transaction, in a number of statements that does not grow with them. */
import type { LoggedEvent, Source } from '@meetcast/protocol';
import { isStale } from '../lib/errors.ts';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import type { Coverage } from './entry-facts.ts';
import { factsOf } from './entry-facts.ts';
import { LogDraft, type LogRow, type LogWrite, type Written } from './log-draft.ts';
import type { RetractEntry } from './retractions.ts';
import { eventIn, forRows, lastSessionIn, pairs, type Sql } from './sql.ts';
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
    if (!isStale(error)) throw error;
    return { refused: error };
  }
}

async function draftsOf(sql: Sql, rowLock: string, writes: readonly LogWrite[]) {
  const refs = new Map<string, MeetingRef>(writes.map(({ meeting }) => [meetingKey(meeting), meeting]));
  const rows = await openLogs(sql, rowLock, [...refs.values()]);
  const covered = await coverageOf(sql, rows);
  const segments = await segmentsOf(sql, rows, writes);
  const retractions = await retractionsOf(sql, rows, writes);
  return new Map(
    rows.map((row) => {
      const { meeting } = row;
      const state = {
        covered: covered.get(meeting),
        segments: segments.get(meeting),
        retractions: retractions.get(meeting),
      };
      return [meetingKey(row.ref), new LogDraft(row, state)];
    }),
  );
}

async function coverageOf(sql: Sql, logs: readonly LogRow[]) {
  const rows = await sql.all(
    `SELECT meeting, source, fence, covered_ms, session, session_from_ms FROM meetcast_coverage
     WHERE meeting IN (${logs.map((_log, index) => `$${index + 1}`).join(', ')})`,
    logs.map(({ meeting }) => meeting),
  );
  const covered = new Map<number, Map<Source, Coverage>>();
  for (const row of rows) {
    const coverage = {
      fence: Number(row.fence),
      coveredMs: Number(row.covered_ms),
      last: lastSessionIn(row),
    };
    inner(covered, Number(row.meeting)).set(row.source as Source, coverage);
  }
  return covered;
}

/** The entries there are of the segments that will be written, and of those that they revise. */
async function segmentsOf(sql: Sql, logs: readonly LogRow[], writes: readonly LogWrite[]) {
  const meetings = new Map(logs.map(({ ref, meeting }) => [meetingKey(ref), meeting]));
  const wanted = writes.flatMap(({ meeting, entry }) => {
    const { segmentNo, revises } = entry ? factsOf(entry) : {};
    const log = meetings.get(meetingKey(meeting)) ?? 0;
    return [segmentNo, revises].flatMap((no) => (no === undefined ? [] : [[log, no]]));
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

/** What was taken back in the meetings that get finals. What stands in the places of finals has a segment's number. */
async function retractionsOf(sql: Sql, logs: readonly LogRow[], writes: readonly LogWrite[]) {
  const speaking = new Set(
    writes.flatMap(({ meeting, entry }) => (entry?.type === 'transcript.final' ? [meetingKey(meeting)] : [])),
  );
  const retractions = new Map<number, RetractEntry[]>();
  const rows = await forRows(
    sql,
    logs.filter(({ ref }) => speaking.has(meetingKey(ref))).map(({ meeting }) => [meeting]),
    (some) => `SELECT meeting, event FROM meetcast_entries WHERE type = 'retract' AND segment_no IS NULL
      AND meeting IN (${some.map((_log, index) => `$${index + 1}`).join(', ')})`,
  );
  for (const row of rows) {
    const event = eventIn(row);
    if (event.type !== 'retract') continue;
    const meeting = Number(row.meeting);
    retractions.set(meeting, [...(retractions.get(meeting) ?? []), event]);
  }
  return retractions;
}

/** The map of a meeting, made if it is missing. */
function inner<K, V>(maps: Map<number, Map<K, V>>, meeting: number): Map<K, V> {
  const map = maps.get(meeting) ?? new Map<K, V>();
  maps.set(meeting, map);
  return map;
}
