// Two processes on one SQLite file, and what they do to each other.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sqliteStore } from '@meetcast/server/sqlite';
import Database from 'libsql';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { finalEntry, freshMeeting } from '../../packages/server/test/support/entries.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'meetcast-processes-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Appends fifty finals to one meeting, at once, and prints their seqs. */
const writer = `
  import { sqliteStore } from '@meetcast/server/sqlite';
  const [directory, first] = process.argv.slice(1);
  const store = sqliteStore({ directory });
  const final = (no) => ({ type: 'transcript.final', meeting_id: 'm', ts: '2026-03-02T09:00:04.120Z',
    segment_no: no, start_ms: no, end_ms: no + 1, text: 'segment ' + no });
  const logged = await Promise.all(Array.from({ length: 50 }, (_, index) =>
    store.append({ tenant: 't', id: 'm' }, final(Number(first) + index))));
  console.log(JSON.stringify(logged.map(({ event }) => event.seq)));
  await store.close();`;

async function write(first: number): Promise<number[]> {
  const args = ['--input-type=module', '--eval', writer, directory, String(first)];
  const child = spawn(process.execPath, args, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(0);
  return JSON.parse(text) as number[];
}

test('four processes append to one meeting of a new file without a hole or a repeat', async () => {
  const seqs = await Promise.all([1, 101, 201, 301].map(write));
  expect(seqs.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
});

test('a write waits for another process, and nothing else waits with it', async () => {
  const store = sqliteStore({ directory });
  const meeting = freshMeeting();
  await store.append(meeting, finalEntry(1));
  const other = new Database(join(directory, 'meetcast.db'));
  other.exec('BEGIN IMMEDIATE');
  let isWritten = false;
  const written = store.append(meeting, finalEntry(2)).then(() => {
    isWritten = true;
  });
  const turns: number[] = [];
  for (let turn = 0; turn < 20; turn += 1) {
    const begun = performance.now();
    await delay(20);
    turns.push(performance.now() - begun);
    expect((await store.read(meeting, 0, 10)).events).toHaveLength(1);
  }
  // A busy machine holds up one or another of them; a write that waits in the way, each.
  expect(turns.toSorted((one, two) => one - two)[10]).toBeLessThan(500);
  expect(isWritten).toBe(false);
  other.exec('COMMIT');
  await written;
  other.close();
  await store.close();
});

test('a write that waits too long fails, and the next one does not', async () => {
  const store = sqliteStore({ directory });
  const meeting = freshMeeting();
  await store.ping();
  const other = new Database(join(directory, 'meetcast.db'));
  other.exec('BEGIN IMMEDIATE');
  await expect(store.append(meeting, finalEntry(1))).rejects.toThrow('locked');
  other.exec('ROLLBACK');
  other.close();
  expect((await store.append(meeting, finalEntry(1))).event.seq).toBe(1);
  await store.close();
});
