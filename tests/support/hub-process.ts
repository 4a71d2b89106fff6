/** A hub that runs in a process of its own and may be killed at any moment. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HubOptions, Limits } from '@meetcast/server';
import { build } from 'tsup';

export interface HubProcessSettings {
  store: { folder: string } | { url: string };
  /** Without it, the hub is alone. */
  redis?: { url: string; leaseMs: number };
  simulatorUrl: string;
  secret: string;
  /** 0: a free one; a restarted hub keeps it. */
  port: number;
  limits: Partial<Limits>;
  /** Whether channels are heard apart. Default false. */
  multichannel?: boolean;
  recovery?: Exclude<HubOptions['recovery'], undefined>;
  unheard?: Exclude<HubOptions['unheard'], undefined>;
  /** How long the store may take for a write, and again for its answer. */
  dawdleMs: number;
}

const tests = fileURLToPath(new URL('..', import.meta.url));
const server = join(tests, '..', 'packages', 'server', 'src');

/** Makes one file of the child and the sources as they are now. The returned function removes it. */
export async function bundleHub(): Promise<{ program: string; remove: () => void }> {
  const directory = join(tests, 'dist', `hub-${process.pid}-${Date.now()}`);
  mkdirSync(directory, { recursive: true });
  await build({
    entry: { hub: join(tests, 'support', 'hub-child.ts') },
    outDir: directory,
    format: ['esm'],
    target: 'node20',
    config: false,
    silent: true,
    noExternal: [/^@meetcast\//, /^@deepgram\//, 'zod'],
    external: ['ws', 'pg', 'libsql', 'jose', 'ioredis'],
    banner: {
      js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
    },
    esbuildOptions(options) {
      options.alias = {
        '@meetcast/server/deepgram': join(server, 'recognizer', 'deepgram.ts'),
        '@meetcast/server/postgres': join(server, 'store', 'postgres.ts'),
        '@meetcast/server/redis': join(server, 'redis.ts'),
        '@meetcast/server/sqlite': join(server, 'store', 'sqlite.ts'),
        '@meetcast/server': join(server, 'index.ts'),
        '@meetcast/protocol': join(tests, '..', 'packages', 'protocol', 'src', 'index.ts'),
      };
    },
  });
  return {
    program: join(directory, 'hub.js'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export class HubProcess {
  readonly #program: string;
  readonly #settings: HubProcessSettings;
  #child: ChildProcess | undefined;
  #port = 0;
  #said = '';

  constructor(program: string, settings: HubProcessSettings) {
    this.#program = program;
    this.#settings = settings;
  }

  get port(): number {
    return this.#port;
  }

  /** What it said of failures, the newest last. */
  get said(): string {
    return this.#said;
  }

  /** Starts it; the promise inside resolves once it listens, or was killed before. */
  begin(dawdleMs = this.#settings.dawdleMs): { listening: Promise<void> } {
    const settings = { ...this.#settings, dawdleMs, port: this.#port || this.#settings.port };
    const child = fork(this.#program, {
      env: { PATH: process.env.PATH, HUB_SETTINGS: JSON.stringify(settings) },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.stderr?.on('data', (text) => {
      this.#said = (this.#said + text).slice(-4_000);
    });
    const listening = new Promise<void>((resolve, reject) => {
      child.once('message', (port: number) => {
        this.#port = port;
        resolve();
      });
      child.once('exit', (code) => {
        if (code === null) resolve();
        else reject(new Error(`the hub ended by itself with ${code}: ${this.#said}`));
      });
    });
    listening.catch(() => {});
    return { listening };
  }

  /** Bytes it holds once its garbage is collected. */
  async memory(): Promise<{ heap: number; rss: number }> {
    if (!this.#child) throw new Error('the hub was never started');
    const answer = once(this.#child, 'message');
    this.#child.send('memory');
    const [bytes] = await answer;
    return bytes;
  }

  /** Ends it as a power cut does; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end((child) => child.kill('SIGKILL'));
  }

  /** Asks it to close as a deploy does; resolves with its exit code when it has ended by itself. */
  async close(): Promise<number | undefined> {
    const code = await this.#end((child) => child.send('close'));
    return code ?? undefined;
  }

  /** Stops it where it stands, or lets it go on: nothing is closed, and nothing answers meanwhile. */
  pause(on: boolean): void {
    this.#child?.kill(on ? 'SIGSTOP' : 'SIGCONT');
  }

  async #end(how: (child: ChildProcess) => void): Promise<number | null> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return null;
    const gone = once(child, 'exit');
    how(child);
    const [code] = await gone;
    return code;
  }
}
