/** Finals that have every term of a query, by intersecting a plain term table. */
import { eventIn, type Row, type Sql, type SqlValue } from './sql.ts';
import type { Page, PageRequest, SearchHit } from './store.ts';

/** A page begins after this place; meetings go down, entries go up. */
interface Place {
  readonly meeting: number;
  readonly seq: number;
}

const first: Place = { meeting: 1e15, seq: 0 };

/**
 * Meetings that have the rarest term are looked through newest first, a few and then ever more at a time, and only in
 * those that have all terms are entries compared. So terms that are common but never meet, as words of two languages,
 * cost a look-up per meeting instead of one per entry.
 */
export async function searchIn(
  sql: Sql,
  { tenant, id, terms }: Query & { readonly id?: string },
  { after, limit }: PageRequest,
): Promise<Page<SearchHit>> {
  if (terms.length === 0) return { items: [], next: undefined };
  const query = { tenant, terms: await byRarity(sql, tenant, terms) };
  const place = after === undefined ? first : placeIn(after);
  const rows: Row[] = [];
  const meetings = id === undefined ? withAll(sql, query, place) : named(sql, tenant, id);
  for await (const some of meetings) {
    rows.push(...(await hitsIn(sql, query, { meetings: some, place, limit: limit + 1 - rows.length })));
    if (rows.length > limit) break;
  }
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const items = page.flatMap((row) => {
    const final = eventIn(row);
    return final.type === 'transcript.final' ? [{ meeting: String(row.id), final }] : [];
  });
  return { items, next: rows.length > limit && last ? `${last.meeting}.${last.seq}` : undefined };
}

interface Query {
  readonly tenant: string;
  /** Looked for in this order: the rarest had better be first. */
  readonly terms: readonly string[];
}

async function* named(sql: Sql, tenant: string, id: string): AsyncGenerator<number[]> {
  const rows = await sql.all('SELECT meeting FROM meetcast_meetings WHERE tenant = $1 AND id = $2', [
    tenant,
    id,
  ]);
  yield rows.map(({ meeting }) => Number(meeting));
}

/** Meetings looked through at first, and how much more each time. */
const fewMeetings = 2;
const growth = 4;

/** The meetings that have all terms, newest first. */
async function* withAll(sql: Sql, { tenant, terms }: Query, from: Place): AsyncGenerator<number[]> {
  const [rarest = '', ...others] = terms;
  const hasOthers = others.map((_term, index) => `AND ${has(`$${index + 5}`, 'walked.meeting')}`).join(' ');
  let below = from.meeting + 1;
  for (let count = fewMeetings; ; count *= growth) {
    // From one meeting to the next by a look-up each, past all the entries between.
    const rows = await sql.all(
      `WITH RECURSIVE walked (meeting, step) AS (
         SELECT (${newestWith('$3')}), 1
         UNION ALL
         SELECT (${newestWith('walked.meeting')}), step + 1 FROM walked WHERE meeting IS NOT NULL AND step < $4
       )
       SELECT meeting, CASE WHEN meeting > 0 ${hasOthers} THEN 1 ELSE 0 END AS has_all
       FROM walked WHERE meeting IS NOT NULL ORDER BY meeting DESC`,
      [tenant, rarest, below, count, ...others],
    );
    yield rows.filter((row) => row.has_all === 1).map(({ meeting }) => Number(meeting));
    if (rows.length < count) return;
    below = Number(rows.at(-1)?.meeting);
  }
}

const newestWith = (below: string) =>
  `SELECT t.meeting FROM meetcast_terms t WHERE t.tenant = $1 AND t.term = $2 AND t.meeting < ${below}
   ORDER BY t.meeting DESC LIMIT 1`;

/** A scalar subquery is a look-up per row in every engine. */
const has = (term: string, meeting: string, seq?: string) =>
  `(SELECT 1 FROM meetcast_terms o WHERE o.tenant = $1 AND o.term = ${term} AND o.meeting = ${meeting}
    ${seq === undefined ? '' : `AND o.seq = ${seq}`} LIMIT 1) = 1`;

/** An EXISTS may also become a join, which is faster where both terms are common: with all the term's entries between. */
const meets = (term: string, lowest: string, highest: string) =>
  `EXISTS (SELECT 1 FROM meetcast_terms o WHERE o.tenant = $1 AND o.term = ${term}
    AND o.meeting >= ${lowest} AND o.meeting <= ${highest} AND o.meeting = t.meeting AND o.seq = t.seq)`;

/** Terms that may be joined; planning more takes longer than looking them up in what is left. */
const mostJoined = 2;

/** The entries of these meetings that have all terms. */
async function hitsIn(
  sql: Sql,
  { tenant, terms }: Query,
  { meetings, place, limit }: { meetings: readonly number[]; place: Place; limit: number },
): Promise<Row[]> {
  const [highest] = meetings;
  const lowest = meetings.at(-1);
  if (highest === undefined || lowest === undefined) return [];
  const [rarest = '', ...others] = terms;
  const values: SqlValue[] = [tenant, rarest, place.meeting, place.seq, limit, lowest, highest, ...others];
  const hasOthers = others.map((_term, index) => {
    const term = `$${index + 8}`;
    return `AND ${index < mostJoined ? meets(term, '$6', '$7') : has(term, 't.meeting', 't.seq')}`;
  });
  const these = meetings.map((_meeting, index) => `$${values.length + index + 1}`);
  return sql.all(
    `WITH found AS MATERIALIZED (
       SELECT t.meeting, t.seq FROM meetcast_terms t WHERE t.tenant = $1 AND t.term = $2
       AND t.meeting >= $6 AND t.meeting <= $7 AND t.meeting IN (${these.join(', ')})
       AND (t.meeting < $3 OR (t.meeting = $3 AND t.seq > $4)) ${hasOthers.join(' ')}
     )
     SELECT page.meeting, page.seq, m.id, e.event
     FROM (SELECT meeting, seq FROM found ORDER BY meeting DESC, seq LIMIT $5) page
     JOIN meetcast_meetings m ON m.meeting = page.meeting
     JOIN meetcast_entries e ON e.meeting = page.meeting AND e.seq = page.seq
     ORDER BY page.meeting DESC, page.seq`,
    [...values, ...meetings],
  );
}

/** How often a term is looked at before it counts as common. */
const commonFrom = 1_000;

/** The rarest term first: its rows are walked, the others are only looked up. */
async function byRarity(sql: Sql, tenant: string, terms: readonly string[]): Promise<string[]> {
  if (terms.length < 2) return [...terms];
  const counted: { term: string; count: number }[] = [];
  for (const term of terms) {
    const [row] = await sql.all(
      `SELECT COUNT(*) AS count FROM (SELECT 1 FROM meetcast_terms WHERE tenant = $1 AND term = $2 LIMIT ${commonFrom}) found`,
      [tenant, term],
    );
    counted.push({ term, count: Number(row?.count) });
  }
  return counted.sort((a, b) => a.count - b.count).map(({ term }) => term);
}

/** A cursor was checked where it came in: two whole numbers. */
function placeIn(cursor: string): Place {
  const [meeting, seq] = cursor.split('.');
  return { meeting: Number(meeting), seq: Number(seq) };
}
