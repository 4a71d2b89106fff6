/** A Redis of its own for a test, on a port of its own: started, stopped and started again as the test says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { freePort } from '@meetcast/testing';
import { onTestFinished } from 'vitest';

const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/bin', '/opt/homebrew/bin'];
const program = directories
  .flatMap((path) => ['redis-server', 'valkey-server'].map((name) => join(path, name)))
  .find((path) => existsSync(path));

/** Said aloud, and a failure where everything has to be there. */
export const hasRedis = program !== undefined;
if (!hasRedis) {
  const text = 'no Redis (apt-get install redis-server): tests of `serve` on several nodes are SKIPPED';
  if (process.env.CI) throw new Error(text);
  process.stderr.write(`\n  !! ${text}\n\n`);
}

export interface Redis {
  port: number;
  url: string;
  /** Resolves when it answers. It is empty. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Made, and not started; gone after the test. `settings` as on its command line. */
export async function newRedis(settings: (port: number) => readonly string[] = plainPort): Promise<Redis> {
  const port = await freePort();
  let child: ChildProcess | undefined;
  const stop = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  onTestFinished(stop);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    stop,
    start: async () => {
      const always = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
      child = spawn(program ?? '', [...settings(port), ...always], { stdio: ['ignore', 'pipe', 'ignore'] });
      await ready(child);
    },
  };
}

const plainPort = (port: number): string[] => ['--port', String(port)];

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    child.stdout?.on('data', (text: Buffer) => {
      log += text;
      if (/Ready to accept connections/.test(log)) resolve();
    });
    child.on('exit', () => reject(new Error(`Redis ended:\n${log}`)));
  });
}
