/** Runs code blocks of the docs as a reader would: in processes of their own, with the built packages. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * The docs say port 8080. This is loaded into every process of a snippet: whoever listens there gets a free port, which
 * is left in a file, and whoever connects there is sent to that port.
 */
const portShim = `
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
const file = process.env.SNIPPET_PORT_FILE;
const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (first, ...rest) {
  const isOurs = first === 8080 || first?.port === 8080;
  if (!isOurs) return listen.call(this, first, ...rest);
  this.once('listening', () => writeFileSync(file, String(this.address().port)));
  return listen.call(this, first === 8080 ? 0 : { ...first, port: 0 }, ...rest);
};
const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (...args) {
  // Node's own callers hand over an array that it has normalized already.
  const options = Array.isArray(args[0]) ? args[0] : args;
  const port = Number(options[0]?.port);
  if (port === 8080) options[0] = { ...options[0], port: Number(readFileSync(file, 'utf8')) };
  return connect.apply(this, args);
};
`;

export interface Place {
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  /** The port that stands for 8080, once there is one. */
  port(): number | undefined;
}

/** A directory to run in. `port`: what 8080 stands for from the start. */
export function makePlace(root: string, directory: string, env: NodeJS.ProcessEnv, port?: number): Place {
  const bin = join(directory, 'bin');
  mkdirSync(bin, { recursive: true });
  const portFile = join(directory, 'port');
  const shim = join(directory, 'port-shim.mjs');
  writeFileSync(shim, portShim);
  if (port !== undefined) writeFileSync(portFile, String(port));
  const cli = join(root, 'packages', 'cli', 'dist', 'bin.js');
  writeFileSync(join(bin, 'meetcast'), `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`, {
    mode: 0o755,
  });
  const { PATH = '', HOME, TMPDIR } = process.env;
  return {
    directory,
    env: {
      HOME,
      TMPDIR,
      PATH: [bin, join(process.execPath, '..'), PATH].join(delimiter),
      NODE_OPTIONS: `--import "${shim}"`,
      SNIPPET_PORT_FILE: portFile,
      ...env,
    },
    port: () => (existsSync(portFile) ? Number(readFileSync(portFile, 'utf8')) || undefined : undefined),
  };
}

export class Running {
  stdout = '';
  stderr = '';
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  #how: string | undefined;

  constructor(place: Place, command: string, args: readonly string[]) {
    // A group of its own, so that a shell ends with all it has started.
    const child = spawn(command, args, {
      cwd: place.directory,
      env: place.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout.on('data', (data: Buffer) => {
      this.stdout += data;
    });
    child.stderr.on('data', (data: Buffer) => {
      this.stderr += data;
    });
    this.ended = once(child, 'close').then(([code, signal]) => {
      this.#how = code === null ? String(signal) : `exit code ${code}`;
    });
  }

  /** Resolves when it has ended well. */
  async done(): Promise<void> {
    await this.ended;
    if (this.#how !== 'exit code 0') throw this.failure(`ended with ${this.#how}`);
  }

  /** Resolves with what was waited for; rejects if the process ends without it. */
  async until<T>(what: string, look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.#how !== undefined) throw this.failure(`ended with ${this.#how}, without ${what}`);
      await delay(10);
    }
  }

  /** Asks it to stop, as a process manager or a person at the keyboard would. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    this.#signal(signal);
    await this.ended;
    // Without a handler of its own, a process ends by the signal.
    if (this.#how !== 'exit code 0' && this.#how !== signal) throw this.failure(`stopped with ${this.#how}`);
  }

  /** Ends it at once, whatever it does. */
  kill(): void {
    this.#signal('SIGKILL');
  }

  failure(what: string): Error {
    return new Error(`${what}\nstdout: ${this.stdout.slice(-2_000)}\nstderr: ${this.stderr.slice(-2_000)}`);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#how !== undefined || this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch (error) {
      // It has just ended by itself.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

export const removePlaces = (directory: string): void => rmSync(directory, { recursive: true, force: true });
