/** A database that an older version made is brought up to date by whoever opens it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { migrations } from '../../src/store/migrations.ts';
import { sqliteStore } from '../../src/store/sqlite.ts';
import { SqliteConnection } from '../../src/store/sqlite-connection.ts';
import { finalEntry, ts } from '../support/entries.ts';

const meeting = { tenant: 'acme', id: 'm' };
const common = { meeting_id: 'm', ts };

/** What the first version left: a final in its place, one that was taken back, and a stretch that was. */
const entries = [
  { ...finalEntry(1), seq: 1 },
  { type: 'retract', seq: 2, ...common, segment_no: 2 },
  { type: 'retract', seq: 3, ...common, segment_no: 2 },
  { type: 'retract', seq: 4, ...common, start_ms: 5_000, end_ms: 6_000 },
];

async function madeByTheFirstVersion(directory: string): Promise<void> {
  const connection = new SqliteConnection(join(directory, 'meetcast.db'), []);
  await connection.exec('CREATE TABLE meetcast_migrations (version BIGINT PRIMARY KEY)');
  for (const statement of migrations[0] ?? []) await connection.exec(statement);
  await connection.exec('INSERT INTO meetcast_migrations (version) VALUES (1)');
  await connection.exec(`INSERT INTO meetcast_meetings
    (meeting, tenant, id, epoch, last_seq, last_segment, languages, sources)
    VALUES (1, 'acme', 'm', 'e-1', 4, 2, '[]', '["mic"]')`);
  for (const entry of entries) {
    const segmentNo = entry.seq < 3 ? entry.seq : null;
    await connection.all(
      `INSERT INTO meetcast_entries (meeting, seq, type, segment_no, source, stands, event)
       VALUES (1, $1, $2, $3, $4, $5, $6)`,
      [entry.seq, entry.type, segmentNo, 'mic', entry.seq === 1 ? 1 : 0, JSON.stringify(entry)],
    );
  }
  await connection.close();
}

test('a file of the first version opens: what was taken back there holds for what comes now', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'meetcast-old-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  await madeByTheFirstVersion(directory);
  const store = sqliteStore({ directory });
  onTestFinished(() => store.close());
  expect((await store.read(meeting, 0, 10)).events).toEqual(entries);
  for (const late of [
    finalEntry(3, { start_ms: 5_500, end_ms: 7_000 }),
    finalEntry(4, { revises: 2 }),
    finalEntry(7, { start_ms: 7_000, end_ms: 8_000 }),
  ])
    await store.append(meeting, late);
  const { epoch, events } = await store.read(meeting, 4, 10);
  expect(epoch).toBe('e-1');
  expect(events.map(({ type }) => type)).toEqual(['retract', 'retract', 'transcript.final']);
  expect((await store.transcript(meeting, 0, 10)).map(({ segment_no }) => segment_no)).toEqual([1, 7]);
});
