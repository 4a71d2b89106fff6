/** A registry that runs in a process of its own and may be killed or stopped at any moment. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MeetingRef } from '@meetcast/server';
import { build } from 'tsup';

export type RegistrySettings = { readonly leaseMs: number } & (
  | { readonly url: string }
  | { readonly cluster: { host: string; port: number }[] }
);

export type RegistryOrder = { readonly meeting: MeetingRef; readonly name: string } & (
  | { readonly kind: 'claim' | 'vacate'; readonly source: 'mic' | 'system' }
  | { readonly kind: 'release'; readonly how?: 'finalized' }
  | { readonly kind: 'seat'; readonly seats: number }
);

export type RegistryAnswer =
  | { readonly kind: 'claim' | 'lost'; readonly fence: number }
  | { readonly kind: 'released'; readonly what: string | undefined }
  | { readonly kind: 'held' | 'seat' | 'full' | 'vacated' | 'wanted' };

const tests = fileURLToPath(new URL('..', import.meta.url));
const packages = join(tests, '..', 'packages');

/** Makes one file of the child and the sources as they are now. The returned function removes it. */
export async function bundleRegistry(): Promise<{ program: string; remove: () => void }> {
  const directory = join(tests, 'dist', `registry-${process.pid}-${Date.now()}`);
  mkdirSync(directory, { recursive: true });
  await build({
    entry: { registry: join(tests, 'support', 'registry-child.ts') },
    outDir: directory,
    format: ['esm'],
    target: 'node20',
    config: false,
    silent: true,
    noExternal: [/^@meetcast\//, 'zod'],
    external: ['ioredis'],
    esbuildOptions(options) {
      options.alias = {
        '@meetcast/server/redis': join(packages, 'server', 'src', 'redis.ts'),
        '@meetcast/protocol': join(packages, 'protocol', 'src', 'index.ts'),
      };
    },
  });
  return {
    program: join(directory, 'registry.js'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export class RegistryProcess {
  readonly #child: ChildProcess;
  /** What it said, the newest last. */
  readonly answers: RegistryAnswer[] = [];

  constructor(program: string, settings: RegistrySettings) {
    this.#child = fork(program, {
      env: { PATH: process.env.PATH, REGISTRY_SETTINGS: JSON.stringify(settings) },
      execArgv: [],
    });
    this.#child.on('message', (answer: RegistryAnswer) => this.answers.push(answer));
  }

  /** Resolves with the next thing it says. */
  async order(order: RegistryOrder): Promise<RegistryAnswer> {
    const next = once(this.#child, 'message');
    this.#child.send(order);
    return (await next)[0];
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** Ends it as a power cut does; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
