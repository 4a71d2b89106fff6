/** Fills a database with a corpus, by SQL, as if a store had written it segment by segment. */
import { setTimeout as delay } from 'node:timers/promises';

const entries =
  'meetcast_entries (meeting, seq, type, segment_no, source, speaker, start_ms, end_ms, stands, event)';
const meetings = `meetcast_meetings
  (meeting, tenant, id, epoch, last_seq, last_segment, title, started_at, languages, sources)`;
const terms = 'meetcast_terms (tenant, term, meeting, seq)';

/** Rows in memory before they are written. */
const pageSize = 20_000;

export async function load(database, corpus) {
  const termsOf = await learnTerms(database, corpus);
  await database.bulk.begin();
  const pages = { [entries]: [], [meetings]: [] };
  const postings = new Postings();
  for (const meeting of corpus) {
    const texts = meeting.segments();
    pages[meetings].push(meetingRow(meeting, texts.length));
    for (const [index, text] of texts.entries()) {
      pages[entries].push(entryRow(meeting, index + 1, text));
      const found = new Set(text.split(' ').flatMap((word) => termsOf.get(word)));
      for (const term of found) postings.add(meeting.tenant, term, meeting.number, index + 1);
    }
    if (pages[entries].length >= pageSize) await flush(database, pages);
  }
  await flush(database, pages);
  for (const rows of postings.pages()) await database.insert(terms, rows);
  await database.all(`UPDATE meetcast_store SET value = $1 WHERE name = 'meeting'`, [corpus.length + 1]);
  await database.bulk.end();
}

async function flush(database, pages) {
  for (const [into, rows] of Object.entries(pages)) {
    await database.insert(into, rows);
    rows.length = 0;
  }
  await delay(0);
}

/** What each word is found by: the store itself is asked, with one segment per word. */
async function learnTerms({ store, all }, corpus) {
  const words = [...new Set(corpus.slice(0, 200).flatMap(({ vocabulary }) => vocabulary))];
  const scratch = { tenant: 'scratch', id: 'words' };
  await Promise.all(words.map((text, index) => store.append(scratch, final(scratch, index + 1, text))));
  const rows = await all('SELECT seq, term FROM meetcast_terms');
  await store.forget(scratch);
  const learned = new Map(words.map((word) => [word, []]));
  for (const { seq, term } of rows) learned.get(words[Number(seq) - 1]).push(term);
  return learned;
}

/** Postings in the order of the key: a table that is filled in any other takes far longer. */
class Postings {
  #lists = new Map();

  add(tenant, term, meeting, seq) {
    const key = `${tenant}\n${term}`;
    const list = this.#lists.get(key);
    if (list) list.push(meeting, seq);
    else this.#lists.set(key, [meeting, seq]);
  }

  *pages() {
    let rows = [];
    for (const key of [...this.#lists.keys()].sort()) {
      const [tenant, term] = key.split('\n');
      const list = this.#lists.get(key);
      for (let at = 0; at < list.length; at += 2) rows.push([tenant, term, list[at], list[at + 1]]);
      if (rows.length >= pageSize) {
        yield rows;
        rows = [];
      }
    }
    yield rows;
  }
}

const meetingRow = ({ number, tenant, id, ts, language }, count) => [
  number,
  tenant,
  id,
  'bench',
  count,
  count,
  `Meeting ${number}`,
  ts,
  JSON.stringify([language]),
  '["mic","system"]',
];

function entryRow(meeting, seq, text) {
  const event = { ...final(meeting, seq, text), seq };
  const { segment_no, meta, speaker, start_ms, end_ms } = event;
  return [
    meeting.number,
    seq,
    event.type,
    segment_no,
    meta.source,
    speaker,
    start_ms,
    end_ms,
    1,
    JSON.stringify(event),
  ];
}

export const final = ({ id, ts = '2026-01-01T00:00:00.000Z', language = 'en' }, segmentNo, text) => ({
  type: 'transcript.final',
  meeting_id: id,
  ts,
  segment_no: segmentNo,
  start_ms: segmentNo * 3_000,
  end_ms: segmentNo * 3_000 + 2_700,
  speaker: `speaker ${segmentNo % 4}`,
  text,
  confidence: 0.97,
  meta: { source: segmentNo % 2 ? 'mic' : 'system', language },
});
