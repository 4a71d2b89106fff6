/** A PostgreSQL of its own for a test: on a port of its own, in a directory of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from '@meetcast/testing';
import { onTestFinished } from 'vitest';

const debian = '/usr/lib/postgresql';
const versions = existsSync(debian)
  ? readdirSync(debian).sort((one, other) => Number(other) - Number(one))
  : [];
const directories = [
  ...(process.env.PATH ?? '').split(delimiter),
  '/opt/homebrew/bin',
  ...versions.map((version) => join(debian, version, 'bin')),
];
const find = (name: string) => directories.map((path) => join(path, name)).find((path) => existsSync(path));

const programs = { initdb: find('initdb'), postgres: find('postgres') };

/** Said aloud, and a failure where everything has to be there. */
export const hasPostgres = programs.initdb !== undefined && programs.postgres !== undefined;
if (!hasPostgres) {
  const text = 'no PostgreSQL (apt-get install postgresql): tests of `serve` on it are SKIPPED';
  if (process.env.CI) throw new Error(text);
  process.stderr.write(`\n  !! ${text}\n\n`);
}

export interface Postgres {
  url: string;
  /** Resolves when it answers. */
  start(): Promise<void>;
}

/** Made, and not started; gone after the test. */
export async function newPostgres(): Promise<Postgres> {
  const directory = mkdtempSync(join(tmpdir(), 'meetcast-cli-pg-'));
  const owner = ownerOf(directory);
  const data = join(directory, 'data');
  const how = ['-U', 'meetcast', '--auth=trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'];
  execFileSync(programs.initdb ?? '', ['-D', data, ...how], { ...owner, stdio: 'pipe', cwd: directory });
  const port = await freePort();
  let child: ChildProcess | undefined;
  onTestFinished(async () => {
    if (child && child.exitCode === null) {
      child.kill('SIGINT');
      await once(child, 'exit');
    }
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    url: `postgres://meetcast@127.0.0.1:${port}/postgres`,
    start: async () => {
      const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off'];
      const args = ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
      child = spawn(programs.postgres ?? '', args, {
        ...owner,
        cwd: directory,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      await said(child, 'ready to accept connections');
    },
  };
}

/** PostgreSQL refuses to run as root: there it runs as the user its package made. */
function ownerOf(directory: string): { uid?: number; gid?: number } {
  chmodSync(directory, 0o700);
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres']).toString());
  const owner = { uid: id('-u'), gid: id('-g') };
  chownSync(directory, owner.uid, owner.gid);
  return owner;
}

function said(child: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    child.stderr?.on('data', (text: Buffer) => {
      log += text;
      if (log.includes(words)) resolve();
    });
    child.on('exit', () => reject(new Error(`PostgreSQL ended:\n${log}`)));
  });
}
