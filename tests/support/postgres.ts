/** A PostgreSQL server of a test's own, in a directory of its own, that can be stopped, frozen and started again. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@meetcast/testing';
import pg from 'pg';
import { findProgram } from './programs.ts';

export interface PostgresServer {
  readonly url: string;
  readonly port: number;
  /** Ends it at once, as a crash does: what was not committed is gone, and open connections are reset. */
  crash(): Promise<void>;
  /** Starts it on the same port and directory; resolves when it answers a query. */
  start(): Promise<void>;
  /** Stops every process of it where it stands: nothing is answered, nothing is closed. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes its directory. */
  close(): Promise<void>;
}

interface Owner {
  uid?: number;
  gid?: number;
}

/** Undefined when this machine has no PostgreSQL. */
export async function startPostgres(): Promise<PostgresServer | undefined> {
  const initdb = findProgram(['initdb'], pgDirectories());
  const program = findProgram(['postgres'], pgDirectories());
  if (!initdb || !program) return undefined;
  const directory = mkdtempSync(join(tmpdir(), 'meetcast-pg-'));
  const owner = ownerOf(directory);
  const data = join(directory, 'data');
  execFileSync(initdb, initArguments(data), { ...owner, stdio: 'pipe', cwd: directory });
  for (let attempt = 1; ; attempt += 1) {
    const server = new OwnServer(program, directory, await freePort(), owner);
    try {
      await server.start();
      return server;
    } catch (error) {
      // Another process may have taken the port since.
      await server.crash();
      if (attempt === 3) throw error;
    }
  }
}

class OwnServer implements PostgresServer {
  readonly url: string;
  readonly port: number;
  readonly #program: string;
  readonly #directory: string;
  readonly #owner: Owner;
  #process: ChildProcess | undefined;
  #frozen: number[] = [];
  #log = '';

  constructor(program: string, directory: string, port: number, owner: Owner) {
    this.#program = program;
    this.#directory = directory;
    this.#owner = owner;
    this.port = port;
    this.url = `postgres://meetcast@127.0.0.1:${port}/postgres`;
  }

  async start(): Promise<void> {
    const child = spawn(this.#program, serverArguments(join(this.#directory, 'data'), this.port), {
      ...this.#owner,
      cwd: this.#directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        this.#log = (this.#log + text).slice(-4_000);
      });
    }
    this.#process = child;
    const until = performance.now() + 90_000;
    while (!(await answers(this.url))) {
      if (child.exitCode !== null || performance.now() > until)
        throw new Error(`PostgreSQL did not start: ${this.#log}`);
      await sleep(5);
    }
  }

  crash(): Promise<void> {
    return this.#end('SIGQUIT');
  }

  freeze(): void {
    const pid = this.#process?.pid;
    if (pid === undefined) return;
    // The first process first: after it no other is born.
    signal(pid, 'SIGSTOP');
    this.#frozen = [pid, ...childrenOf(pid)];
    for (const own of this.#frozen) signal(own, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of this.#frozen.splice(0)) signal(pid, 'SIGCONT');
  }

  async close(): Promise<void> {
    this.thaw();
    await this.#end('SIGINT');
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 60_000);
    await ended;
    clearTimeout(late);
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

/** PostgreSQL refuses to run as root: there it runs as the "postgres" user that its package made. */
function ownerOf(directory: string): Owner {
  chmodSync(directory, 0o700);
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres']).toString());
  const owner = { uid: id('-u'), gid: id('-g') };
  chownSync(directory, owner.uid, owner.gid);
  return owner;
}

/** A process that served a connection may have ended with it. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const childrenOf = (pid: number): number[] =>
  execFileSync('pgrep', ['-P', String(pid)])
    .toString()
    .trim()
    .split('\n')
    .map(Number);

const initArguments = (data: string): string[] =>
  ['-D', data, '-U', 'meetcast', '--auth=trust', '-E', 'UTF8', '--locale=C.UTF-8'].concat([
    '--no-sync',
    '--no-instructions',
  ]);

/** What is committed is with the kernel, and outlives the server; the machine itself does not crash here. */
const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  full_page_writes: 'off',
};

const serverArguments = (data: string, port: number): string[] => [
  '-D',
  data,
  '-p',
  String(port),
  ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
];

function pgDirectories(): string[] {
  try {
    return readdirSync('/usr/lib/postgresql')
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => `/usr/lib/postgresql/${version}/bin`);
  } catch {
    return [];
  }
}
