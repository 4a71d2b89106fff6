/** A PostgreSQL of the benchmark's own, with a server's usual durability, gone when it is stopped. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pg } from './packages.mjs';

const installed = '/usr/lib/postgresql';

/** Undefined if none is installed. */
export async function startPostgres() {
  const bin = binaries();
  if (bin === undefined) return undefined;
  const directory = mkdtempSync(join(tmpdir(), 'meetcast-bench-'));
  const user = unprivileged(directory);
  const data = join(directory, 'data');
  const options = { ...user, cwd: directory, stdio: 'ignore' };
  execFileSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'bench', '--auth=trust', '-E', 'UTF8', '--locale=C.UTF-8'],
    options,
  );
  const port = await freePort();
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'shared_buffers=512MB',
    'max_wal_size=4GB',
  ];
  const server = spawn(
    join(bin, 'postgres'),
    ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    options,
  );
  const ended = new Promise((resolve) => server.once('exit', resolve));
  const url = `postgres://bench@127.0.0.1:${port}/postgres`;
  await answering(url);
  return {
    url,
    directory: data,
    async stop() {
      server.kill('SIGINT');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Where its programs are; undefined if it is not installed. */
export function binaries() {
  if (!existsSync(installed)) return undefined;
  const [newest] = readdirSync(installed).sort((a, b) => Number(b) - Number(a));
  return newest === undefined ? undefined : join(installed, newest, 'bin');
}

/** PostgreSQL refuses to run as root: there it runs as the user that its package made. */
function unprivileged(directory) {
  chmodSync(directory, 0o700);
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'postgres'])));
  chownSync(directory, uid, gid);
  return { uid, gid };
}

export const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

async function answering(url) {
  for (let attempt = 0; ; attempt += 1) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      return;
    } catch (error) {
      if (attempt > 200) throw error;
      await delay(50);
    } finally {
      await client.end().catch(() => {});
    }
  }
}
