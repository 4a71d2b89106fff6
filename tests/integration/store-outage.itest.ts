// PostgreSQL that is away, hangs, or loses its connections.
import { postgresStore } from '@meetcast/server/postgres';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { finalEntry, freshMeeting } from '../../packages/server/test/support/entries.ts';
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts';

const pgUrl = inject('pgUrl') ?? '';

describe.skipIf(!pgUrl)('PostgreSQL', () => {
  let proxy: FaultProxy;
  let url: string;

  beforeEach(async () => {
    const address = new URL(pgUrl);
    proxy = await faultProxy({ port: Number(address.port) });
    url = Object.assign(address, { port: String(proxy.port) }).href;
  });
  afterEach(() => proxy.close());

  test('a store that is opened while the database is away works once it is there', async () => {
    proxy.refuse(true);
    const store = postgresStore({ url });
    const meeting = freshMeeting();
    await expect(store.append(meeting, finalEntry(1))).rejects.toThrow();
    await expect(store.ping()).rejects.toThrow();
    await expect(store.head(meeting)).rejects.toThrow();
    proxy.refuse(false);
    expect((await store.append(meeting, finalEntry(1))).event.seq).toBe(1);
    await store.close();
  });

  test('connections that are lost at any moment lose no final and repeat none', async () => {
    const store = postgresStore({ url });
    const meetings = Array.from({ length: 8 }, () => freshMeeting());
    let lost = 0;
    async function append(meeting: (typeof meetings)[number], number: number): Promise<void> {
      for (;;) {
        try {
          await store.append(meeting, finalEntry(number));
          return;
        } catch {
          lost += 1;
        }
      }
    }
    await Promise.all(
      meetings.map(async (meeting, at) => {
        for (let number = 1; number <= 40; number += 1) {
          if (number % 8 === at) proxy.reset();
          if (number % 8 === (at + 4) % 8) proxy.cutAfter(number * at * 7);
          await append(meeting, number);
        }
      }),
    );
    expect(lost).toBeGreaterThan(10);
    for (const meeting of meetings) {
      const { events } = await store.read(meeting, 0, 100);
      expect(events.map((event) => 'segment_no' in event && event.segment_no)).toEqual(
        Array.from({ length: 40 }, (_, index) => index + 1),
      );
    }
    await store.close();
  });

  test('a database that hangs is an error within seconds, and no reason not to go on later', async () => {
    const store = postgresStore({ url });
    const meeting = freshMeeting();
    await store.append(meeting, finalEntry(1));
    proxy.stall(true);
    const calls = [store.append(meeting, finalEntry(2)), store.head(meeting), store.ping()];
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    proxy.stall(false);
    expect((await store.append(meeting, finalEntry(2))).event.seq).toBe(2);
    await store.close();
  });

  test('a row that another client holds makes a write fail within seconds, not for ever', async () => {
    const store = postgresStore({ url });
    const meeting = freshMeeting();
    await store.append(meeting, finalEntry(1));
    const other = new pg.Client({ connectionString: pgUrl });
    await other.connect();
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM meetcast_meetings WHERE id = $1 FOR UPDATE', [meeting.id]);
    // The server says it first, unless this process is too busy to hear that in time.
    const late = /statement timeout|Query read timeout/;
    await expect(store.append(meeting, finalEntry(2))).rejects.toThrow(late);
    await other.query('ROLLBACK');
    await other.end();
    expect((await store.append(meeting, finalEntry(2))).event.seq).toBe(2);
    await store.close();
  });

  test('a host’s pool stays open, and keeps its settings', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    pool.on('error', () => {});
    const before = pool.listenerCount('error');
    const store = postgresStore({ pool });
    await store.append(freshMeeting(), finalEntry(1));
    proxy.reset();
    await store.ping().catch(() => {});
    await store.ping();
    await store.close();
    expect(pool.listenerCount('error')).toBe(before);
    const { rows } = await pool.query(
      `SELECT 9007199254740993::int8 AS big, current_setting('statement_timeout') AS ms`,
    );
    expect(rows).toEqual([{ big: '9007199254740993', ms: '0' }]);
    await pool.end();
  });

  test('a role that may not make tables can use those that are there', async () => {
    const owner = postgresStore({ url });
    await owner.ping();
    await owner.close();
    const admin = new pg.Client({ connectionString: pgUrl });
    await admin.connect();
    await admin.query(
      `DO $$ BEGIN CREATE ROLE writer LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
    );
    await admin.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    await admin.query('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer');
    await admin.end();
    const store = postgresStore({ url: Object.assign(new URL(url), { username: 'writer' }).href });
    expect((await store.append(freshMeeting(), finalEntry(1))).event.seq).toBe(1);
    await store.close();
  });
});
