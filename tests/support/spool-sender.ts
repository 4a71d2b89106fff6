/** A sender with a spool that runs in a process of its own and may be killed at any moment. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Source } from '@meetcast/protocol';
import { build } from 'tsup';

export interface SenderSettings {
  url: string;
  token: string;
  meeting: string;
  source: Source;
  sampleRate: number;
  channels: number;
  /** Raw PCM. */
  file: string;
  /** The spool's folder. */
  spool: string;
  /** How many times real time. */
  speedUp: number;
}

const tests = fileURLToPath(new URL('..', import.meta.url));
const packages = join(tests, '..', 'packages');

/** Makes one file of the child and the sources as they are now. */
export async function bundleSender(): Promise<{ program: string; remove: () => void }> {
  const directory = join(tests, 'dist', `sender-${process.pid}-${Date.now()}`);
  mkdirSync(directory, { recursive: true });
  await build({
    entry: { sender: join(tests, 'support', 'spool-child.ts') },
    outDir: directory,
    format: ['esm'],
    target: 'node20',
    config: false,
    silent: true,
    noExternal: [/^@meetcast\//, 'zod'],
    external: ['ws'],
    esbuildOptions(options) {
      options.alias = {
        '@meetcast/client/file-spool': join(packages, 'client', 'src', 'spool', 'file-spool.ts'),
        '@meetcast/client': join(packages, 'client', 'src', 'index.ts'),
        '@meetcast/protocol': join(packages, 'protocol', 'src', 'index.ts'),
      };
    },
  });
  return {
    program: join(directory, 'sender.js'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** One run of it. */
export class Sender {
  readonly #child: ChildProcess;
  #said = '';
  /** Resolves when it has opened its spool; rejects when it ends before. */
  readonly begun: Promise<void>;
  /** Rejects when it ends in any other way than with everything stored. */
  readonly #stored: Promise<void>;

  constructor(program: string, settings: SenderSettings) {
    const child = fork(program, {
      env: { PATH: process.env.PATH, SENDER_SETTINGS: JSON.stringify(settings) },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.stderr?.on('data', (text) => {
      this.#said = (this.#said + text).slice(-4_000);
    });
    const gone = once(child, 'exit').then(([code]) => {
      if (code !== 0) throw new Error(`the sender ended with ${code}: ${this.#said}`);
    });
    this.begun = Promise.race([once(child, 'message').then(() => {}), gone]);
    this.#stored = gone;
    for (const promise of [this.begun, gone]) promise.catch(() => {});
  }

  /** It may come to its end; resolves when everything is stored. */
  async finish(): Promise<void> {
    await this.begun;
    this.#child.send('finish');
    await this.#stored;
  }

  /** Ends it as a power cut does; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
