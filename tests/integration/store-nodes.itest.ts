// Several stores on one database, as nodes of a cluster or processes of one machine are.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '@meetcast/server';
import { postgresStore } from '@meetcast/server/postgres';
import { sqliteStore } from '@meetcast/server/sqlite';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import { finalEntry, freshMeeting, statusEntry, ts } from '../../packages/server/test/support/entries.ts';

const pgUrl = inject('pgUrl') ?? '';

describe('SQLite', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'meetcast-nodes-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  sharedDatabase(() => sqliteStore({ directory }));
});

describe.skipIf(!pgUrl)('PostgreSQL', () => {
  let url: string;
  beforeEach(async () => {
    const name = `nodes_${process.pid}_${Date.now()}`;
    await administer(`CREATE DATABASE ${name}`);
    url = Object.assign(new URL(pgUrl), { pathname: `/${name}` }).href;
  });

  sharedDatabase(() => postgresStore({ url }));
});

async function administer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: pgUrl });
  await client.connect();
  await client.query(statement);
  await client.end();
}

/** `open` opens another store on an empty database. */
function sharedDatabase(open: () => Store): void {
  let stores: [Store, Store];
  beforeEach(() => {
    stores = [open(), open()]; // Both find no tables, and make them.
  });
  afterEach(() => Promise.all(stores.map((store) => store.close())));

  const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
  const nodeOf = (index: number) => stores[index % 2] as Store;

  test('[STORE70] tables are made once, whoever comes first', async () => {
    const more = upTo(6).map(open);
    // Whoever has waited too long for the others is refused, and asks again.
    const patient = { timeout: 50_000 };
    await Promise.all([...stores, ...more].map((store) => vi.waitFor(() => store.ping(), patient)));
    const meeting = freshMeeting();
    const heads = await Promise.all([...stores, ...more].map((store) => store.head(meeting)));
    expect(new Set(heads.map(({ epoch }) => epoch)).size).toBe(1);
    await Promise.all(more.map((store) => store.close()));
  });

  test('fifty appends to one meeting from two nodes get fifty seqs without a hole', async () => {
    const meeting = freshMeeting();
    const logged = await Promise.all(
      upTo(50).map((number) => nodeOf(number).append(meeting, finalEntry(number))),
    );
    expect(logged.map(({ event }) => event.seq).sort((a, b) => a - b)).toEqual(upTo(50));
    const logs = await Promise.all(stores.map((store) => store.read(meeting, 0, 100)));
    expect(logs[0]).toEqual(logs[1]);
    for (const { event, epoch } of logged) {
      expect(logs[0]?.events[event.seq - 1]).toEqual(event);
      expect(epoch).toBe(logs[0]?.epoch);
    }
  });

  test('one meeting that two nodes begin at once is one meeting', async () => {
    const meetings = upTo(40).map(() => freshMeeting('begun'));
    await Promise.all(
      meetings.flatMap((meeting) => stores.map((store, node) => store.append(meeting, finalEntry(node + 1)))),
    );
    for (const meeting of meetings) {
      const { events } = await nodeOf(0).read(meeting, 0, 10);
      expect(events.map(({ seq }) => seq)).toEqual([1, 2]);
    }
    const { items } = await nodeOf(1).meetings('begun', { after: undefined, limit: 100 });
    expect(items).toHaveLength(40);
  });

  test('a final that two nodes append is one entry', async () => {
    const meeting = freshMeeting();
    const logged = await Promise.all(
      upTo(20).map((number) => nodeOf(number).append(meeting, finalEntry(7, { text: `by ${number}` }))),
    );
    expect(new Set(logged.map(({ event }) => JSON.stringify(event))).size).toBe(1);
    expect((await nodeOf(0).head(meeting)).seq).toBe(1);
  });

  test('a claim that moved to another node shuts the first one out', async () => {
    const meeting = freshMeeting();
    const reach = (fence: number) => ({ source: 'mic' as const, fence, coveredMs: fence * 100 });
    await nodeOf(0).append(meeting, finalEntry(1), reach(1));
    await nodeOf(1).cover(meeting, reach(2));
    await expect(nodeOf(0).append(meeting, finalEntry(2), reach(1))).rejects.toMatchObject({
      name: 'StaleFenceError',
    });
    expect(await nodeOf(0).covered(meeting, 'mic')).toBe(200);
  });

  test('nodes that write many meetings in any order do not stand in each other’s way', async () => {
    const meetings = upTo(30).map(() => freshMeeting('busy'));
    const segments = upTo(12);
    await Promise.all(
      stores.flatMap((store, node) =>
        segments.flatMap((segment) => {
          const order = segment % 2 === node ? meetings : meetings.toReversed();
          return order.map((meeting) => store.append(meeting, finalEntry(segment * 2 + node)));
        }),
      ),
    );
    for (const meeting of meetings) {
      const { events } = await nodeOf(0).read(meeting, 0, 100);
      expect(events.map(({ seq }) => seq)).toEqual(upTo(segments.length * 2));
    }
  });

  test('nor when they take back and forget what the other one writes', async () => {
    const meetings = upTo(10).map(() => freshMeeting('torn'));
    await Promise.all(
      upTo(300).map(async (step) => {
        const meeting = meetings[step % 10] ?? freshMeeting();
        const store = nodeOf(Math.floor(step / 10));
        if (step % 29 === 0) await store.forget(meeting);
        else if (step % 13 === 0) await store.retract(meeting, { startMs: 0, endMs: step * 1_000 }, ts);
        else if (step % 17 === 0) await store.ping();
        else await store.append(meeting, step % 2 ? finalEntry(step) : statusEntry('live'));
      }),
    );
    for (const meeting of meetings) {
      const { events } = await nodeOf(1).read(meeting, 0, 1_000);
      expect(events.map(({ seq }) => seq)).toEqual(upTo(events.length));
      expect((await nodeOf(0).head(meeting)).seq).toBe(events.length);
    }
  });
}
