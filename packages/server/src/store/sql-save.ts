/** Writes down what drafts of logs came to. */
import type { LoggedEvent } from '@meetcast/protocol';
import { factsOf, plain } from './entry-facts.ts';
import type { LogDraft } from './log-draft.ts';
import { forRows, pairs, type Sql, type SqlValue, tuples } from './sql.ts';

export async function save(sql: Sql, drafts: readonly LogDraft[]): Promise<void> {
  const grown = drafts.filter(({ entries }) => entries.length > 0);
  await saveRevised(sql, grown);
  await forRows(
    sql,
    grown.flatMap(entryRows),
    (some) =>
      `INSERT INTO meetcast_entries
       (meeting, seq, type, segment_no, source, speaker, start_ms, end_ms, stands, event, raw) VALUES ${tuples(some)}`,
  );
  await forRows(
    sql,
    grown.flatMap(termRows),
    (some) => `INSERT INTO meetcast_terms (tenant, term, meeting, seq) VALUES ${tuples(some)}`,
  );
  await forRows(sql, grown.map(logRow), saveLogs);
  await forRows(sql, drafts.flatMap(coverageRows), saveCoverage);
}

/** Takes entries, by meeting and seq, out of the search. */
export const deleteTerms = (sql: Sql, entries: readonly (readonly number[])[]) =>
  forRows(sql, entries, (some) => `DELETE FROM meetcast_terms WHERE (meeting, seq) IN (${pairs(some)})`);

/** A final that another one replaces stays in the log, and stands in no transcript. */
async function saveRevised(sql: Sql, drafts: readonly LogDraft[]): Promise<void> {
  const revised = drafts.flatMap((draft) => [...draft.revised].map((no) => [draft.row.meeting, no]));
  const rows = await forRows(
    sql,
    revised,
    (some) => `UPDATE meetcast_entries SET stands = 0 WHERE (meeting, segment_no) IN (${pairs(some)})
      RETURNING meeting, seq`,
  );
  await deleteTerms(
    sql,
    rows.map(({ meeting, seq }) => [Number(meeting), Number(seq)]),
  );
}

const entryRows = (draft: LogDraft): SqlValue[][] =>
  draft.entries.map((entry) => {
    const { event, raw } = entry;
    const { source, segmentNo } = factsOf(event);
    const { speaker, startMs, endMs } = spokenIn(event);
    const stands = draft.isRevised(entry) ? 0 : 1;
    return [
      draft.row.meeting,
      event.seq,
      event.type,
      segmentNo ?? null,
      source ?? null,
      speaker,
      startMs,
      endMs,
      stands,
      JSON.stringify(event),
      raw === undefined ? null : plain(raw),
    ];
  });

function spokenIn(event: LoggedEvent) {
  if (event.type !== 'transcript.final') return { speaker: null, startMs: null, endMs: null };
  return {
    speaker: event.speaker === undefined ? null : plain(event.speaker),
    startMs: event.start_ms,
    endMs: event.end_ms,
  };
}

const termRows = (draft: LogDraft): SqlValue[][] =>
  draft.entries
    .filter((entry) => !draft.isRevised(entry))
    .flatMap(({ terms, event }) =>
      terms.map((term) => [draft.row.ref.tenant, term, draft.row.meeting, event.seq]),
    );

const logRow = ({ row }: LogDraft): SqlValue[] => [
  row.meeting,
  row.ref.tenant,
  row.ref.id,
  row.epoch,
  row.seq,
  row.segmentNo,
  row.title,
  row.startedAt,
  row.endedAt,
  JSON.stringify(row.languages),
  JSON.stringify(row.sources),
];

/** The rows are there: what cannot be said for many at once by an UPDATE can by an INSERT that finds them. */
const saveLogs = (rows: readonly (readonly SqlValue[])[]) =>
  `INSERT INTO meetcast_meetings (meeting, tenant, id, epoch, last_seq, last_segment, title, started_at, ended_at,
     languages, sources) VALUES ${tuples(rows)}
   ON CONFLICT (meeting) DO UPDATE SET last_seq = excluded.last_seq, last_segment = excluded.last_segment,
     title = excluded.title, started_at = excluded.started_at, ended_at = excluded.ended_at,
     languages = excluded.languages, sources = excluded.sources`;

const coverageRows = ({ row, coverage }: LogDraft): SqlValue[][] =>
  [...coverage].map(([source, { fence, coveredMs, last }]) => [
    row.meeting,
    source,
    fence,
    coveredMs,
    last?.session ?? null,
    last?.fromMs ?? null,
  ]);

const saveCoverage = (rows: readonly (readonly SqlValue[])[]) =>
  `INSERT INTO meetcast_coverage (meeting, source, fence, covered_ms, session, session_from_ms) VALUES ${tuples(rows)}
   ON CONFLICT (meeting, source) DO UPDATE SET fence = excluded.fence, covered_ms = excluded.covered_ms,
     session = excluded.session, session_from_ms = excluded.session_from_ms`;
