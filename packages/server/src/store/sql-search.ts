/** Finals that have every term of a query, by intersecting a plain term table. */
import { eventIn, type Sql, type SqlValue } from './sql.ts';
import type { Page, PageRequest, SearchHit } from './store.ts';

/** A page begins after this place; meetings go down, entries go up. */
interface Place {
  readonly meeting: number;
  readonly seq: number;
}

const first: Place = { meeting: Number.MAX_SAFE_INTEGER, seq: 0 };

export async function searchIn(
  sql: Sql,
  where: { tenant: string; id?: string },
  terms: readonly string[],
  { after, limit }: PageRequest,
): Promise<Page<SearchHit>> {
  const [rarest, ...others] = await byRarity(sql, where.tenant, terms);
  if (rarest === undefined) return { items: [], next: undefined };
  const place = after === undefined ? first : placeIn(after);
  const values: SqlValue[] = [where.tenant, rarest, place.meeting, place.seq, limit + 1, where.id ?? ''];
  const alsoHas = others.map((term, index) => {
    values.push(term);
    // A scalar subquery is a look-up per row in every engine; an EXISTS may become a join with all of a common term.
    return `AND (SELECT 1 FROM meetcast_terms o${index} WHERE o${index}.tenant = t.tenant
      AND o${index}.term = $${values.length} AND o${index}.meeting = t.meeting AND o${index}.seq = t.seq) = 1`;
  });
  const inOne =
    where.id === undefined
      ? `AND $6 = ''`
      : `AND t.meeting = (SELECT meeting FROM meetcast_meetings WHERE tenant = $1 AND id = $6)`;
  const rows = await sql.all(
    `SELECT found.meeting, found.seq, m.id, e.event FROM (
       SELECT t.meeting, t.seq FROM meetcast_terms t
       WHERE t.tenant = $1 AND t.term = $2 AND t.meeting <= $3 AND (t.meeting < $3 OR t.seq > $4)
       ${inOne} ${alsoHas.join(' ')} ORDER BY t.meeting DESC, t.seq LIMIT $5
     ) found
     JOIN meetcast_meetings m ON m.meeting = found.meeting
     JOIN meetcast_entries e ON e.meeting = found.meeting AND e.seq = found.seq
     ORDER BY found.meeting DESC, found.seq`,
    values,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const items = page.flatMap((row) => {
    const final = eventIn(row);
    return final.type === 'transcript.final' ? [{ meeting: String(row.id), final }] : [];
  });
  return { items, next: rows.length > limit && last ? `${last.meeting}.${last.seq}` : undefined };
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
