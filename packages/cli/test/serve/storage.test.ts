/** Where `meetcast serve` keeps transcripts, and what of them outlives its process. */
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@meetcast/testing';
import { expect, test } from 'vitest';
import { type ServedHub, secret, serveHub } from '../support/hub.ts';
import { healthOf, read, say, textOf } from '../support/meeting.ts';
import { hasPostgres, newPostgres } from '../support/postgres.ts';
import { eventsOf, runCli, startCli, temporaryDirectory } from '../support/run-cli.ts';

const wordsIn = (text: string): string[] => text.split(' ').filter((word) => word !== '');

async function stop({ cli }: ServedHub): Promise<void> {
  cli.signal('SIGTERM');
  expect(await cli.ended).toMatchObject({ code: 0 });
}

const portOf = ({ url }: ServedHub): string => new URL(url).port;

interface Final {
  text: string;
  end_ms: number;
}

/** Every later run has the words of the earlier ones, under the same epoch, and counts on. */
async function outlives(serveAgain: () => Promise<ServedHub>): Promise<void> {
  const first = await serveAgain();
  expect(await healthOf(first.url)).toEqual({ status: 200, storage: 'ok' });
  await say(first.url, 'hello thank you');
  const before = await read(first.url);
  await stop(first);

  const second = await serveAgain();
  expect(await read(second.url)).toEqual(before);
  const shown = await runCli(['transcript', '--meeting', 'm'], { env: second.env });
  expect(shown).toMatchObject({ code: 0, stdout: 'Speaker 0: hello thank you\n' });

  const resume = ['subscribe', '--meeting', 'm', '--since', String(before.seq), '--epoch', before.epoch];
  const viewer = startCli([...resume, '--until', 'ended', '--json'], { env: second.env });
  await viewer.event('connection');
  await say(second.url, 'good morning all');
  const events = eventsOf(await viewer.ended) as Array<{ event: string; seq?: number; text?: string }>;
  expect(events.map(({ event }) => event)).not.toContain('reset');
  expect(events.flatMap(({ seq }) => seq ?? [])).toEqual([1, 2, 3].map((step) => before.seq + step));
  const after = await read(second.url);
  expect(after.epoch).toBe(before.epoch);
  expect(textOf(after)).toBe('hello thank you good morning all');
  expect(after.segments[1]?.start_ms).toBeGreaterThan(before.segments[0]?.end_ms ?? 0);
  await stop(second);
}

test('by default everything is in meetcast-data, which is for its owner alone', async () => {
  const cwd = await temporaryDirectory();
  await outlives(() => serveHub([], {}, cwd));
  expect(await readdir(cwd)).toEqual(['meetcast-data']);
  expect((await stat(join(cwd, 'meetcast-data'))).mode & 0o777).toBe(0o700);
  const { cli } = await serveHub([], { SECRET_KEY: '' }, cwd);
  await cli.said(/Transcripts are stored in meetcast-data\/meetcast\.db\n/);
  await cli.said(/a secret was generated, kept in meetcast-data\/secret\.key/);
});

test('--data and DATABASE_URL=file: name another folder', async () => {
  const cwd = await temporaryDirectory();
  await outlives(() => serveHub(['--data', 'deep/kept'], {}, cwd));
  // The same folder by its other name.
  const { url, cli } = await serveHub([], { DATABASE_URL: 'file:deep/kept' }, cwd);
  expect(textOf(await read(url))).toBe('hello thank you good morning all');
  await cli.said(/Transcripts are stored in deep\/kept\/meetcast\.db/);
  expect(await readdir(cwd)).toEqual(['deep']);
});

test('--memory keeps nothing on disk, and says so', async () => {
  const cwd = await temporaryDirectory();
  const first = await serveHub(['--memory'], { DATABASE_URL: 'file:kept', SECRET_KEY: '' }, cwd);
  await first.cli.said(/Transcripts are kept in memory only/);
  await first.cli.said(/a secret was generated, for this run only/);
  expect(await healthOf(first.url)).toEqual({ status: 200, storage: 'ok' });
  await stop(first);
  expect(await readdir(cwd)).toEqual([]);
});

test('a folder that cannot be used is named, with what to do', async () => {
  const cwd = await temporaryDirectory();
  await writeFile(join(cwd, 'file'), '');
  await mkdir(join(cwd, 'other'));
  await writeFile(join(cwd, 'other/meetcast.db'), 'something else than a database'.repeat(100));
  for (const data of ['file', 'file/below', 'other'])
    for (const env of [{ SECRET_KEY: secret }, {}]) {
      const run = await runCli(['serve', '--port', '0', '--data', data], { cwd, env });
      expect(run).toMatchObject({ code: 1, stdout: '' });
      expect(run.stderr).toContain(`cannot store anything in ${data}: `);
      expect(run.stderr).toContain('--memory');
    }
});

/** What a sender was told is stored: the finals that end before its last `durable_ms`. */
function acknowledged(events: readonly unknown[]): string[] {
  const all = events as Array<{ event: string; durable_ms?: number } & Final>;
  const durableMs = all.reduce((last, { durable_ms = 0 }) => Math.max(last, durable_ms), 0);
  const finals = all.filter(({ event, end_ms }) => event === 'final' && end_ms <= durableMs);
  return finals.flatMap(({ text }) => wordsIn(text));
}

test('a hub killed in mid-meeting has all it acknowledged; its sender goes on and not a word is lost', async () => {
  const cwd = await temporaryDirectory();
  const killed = await serveHub(['--port', String(await freePort())], {}, cwd);
  const send = ['send-pcm', '--meeting', 'm', '--create-test-wav', '--test-duration', '60s', '--speed', '4'];
  const talking = startCli([...send, '--json'], { env: killed.env });
  const { text: said } = await talking.event<{ text: string }>('test-wav');
  await talking.event<{ durable_ms: number }>('progress', ({ durable_ms }) => durable_ms > 5_000);
  killed.cli.signal('SIGKILL');
  await killed.cli.ended;
  await talking.said(/Connection lost/);
  const stored = acknowledged(talking.events);
  expect(stored.length).toBeGreaterThan(10);

  // At another address first, where the sender does not find it.
  const looked = await serveHub([], {}, cwd);
  const kept = await read(looked.url);
  expect(wordsIn(textOf(kept)).slice(0, stored.length)).toEqual(stored);
  expect(said.startsWith(textOf(kept))).toBe(true);
  await stop(looked);

  const again = await serveHub(['--port', portOf(killed)], {}, cwd);
  expect(await talking.ended).toMatchObject({ code: 0 });
  const whole = await read(again.url);
  expect(textOf(whole)).toBe(said);
  expect(whole.epoch).toBe(kept.epoch);
  expect(new Set(whole.segments.map(({ segment_no }) => segment_no)).size).toBe(whole.segments.length);
});

test.skipIf(!hasPostgres)('DATABASE_URL=postgres://… keeps them in PostgreSQL', async () => {
  const cwd = await temporaryDirectory();
  const postgres = await newPostgres();
  await postgres.start();
  const served: ServedHub[] = [];
  await outlives(async () => {
    const hub = await serveHub([], { DATABASE_URL: postgres.url }, cwd);
    served.push(hub);
    return hub;
  });
  const { host, port } = new URL(postgres.url);
  expect(port).not.toBe('');
  for (const { cli } of served) expect(cli.stderr).toContain(`stored in PostgreSQL at ${host}/postgres`);
  expect(await readdir(cwd)).toEqual([]);
});

test.skipIf(!hasPostgres)('a PostgreSQL that starts after its hub is waited for', async () => {
  const postgres = await newPostgres();
  const { url, cli } = await serveHub([], { DATABASE_URL: postgres.url });
  await cli.said(/PostgreSQL at 127\.0\.0\.1:\d+\/postgres cannot be reached \(.*ECONNREFUSED.*\)/);
  expect(await healthOf(url)).toEqual({ status: 503, storage: 'down' });
  await postgres.start();
  await cli.said(/PostgreSQL at 127\.0\.0\.1:\d+\/postgres is connected/);
  expect(await healthOf(url)).toEqual({ status: 200, storage: 'ok' });
  await say(url, 'hello thank you');
  expect(textOf(await read(url))).toBe('hello thank you');
  cli.signal('SIGTERM');
  expect(await cli.ended).toMatchObject({ code: 0 });
});

test('a hub whose PostgreSQL is away stops when it is told to, and shows no password', async () => {
  const away = 'postgres://u:hunter2@127.0.0.1:2/meetcast';
  const hub = await serveHub([], { DATABASE_URL: away });
  await hub.cli.said(/cannot be reached/);
  await stop(hub);
  expect(hub.cli.stderr).not.toContain('hunter2');
});
