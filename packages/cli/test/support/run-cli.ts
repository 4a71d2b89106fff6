/** Runs `meetcast` in a directory of its own, with no variables but those given: as built, or in this process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { main } from '../../src/main.ts';
import { createOutput } from '../../src/output.ts';

const bin = fileURLToPath(new URL('../../dist/bin.js', import.meta.url));

export interface CliRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** A file. Default: nothing. */
  stdin?: string;
}

/** A directory that is gone after the test. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'meetcast-cli-'));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

export const runCli = (args: readonly string[], options?: CliOptions): Promise<CliRun> =>
  startCli(args, options).ended;

let turn: Promise<unknown> = Promise.resolve();

/**
 * A command in this process, which saves starting one: for all that end by themselves and neither read stdin nor
 * write to stdout themselves, as help and `--out -` do. One at a time, because the directory is the process's.
 */
export function runHere(
  args: readonly string[],
  { cwd = tmpdir(), env = {} }: Pick<CliOptions, 'cwd' | 'env'> = {},
): Promise<CliRun> {
  const printed = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      printed[name] += text;
    },
  });
  const json = args.includes('--json');
  const output = createOutput({ json, stdout: sink('stdout'), stderr: sink('stderr'), env });
  const run = async () => {
    const before = process.cwd();
    process.chdir(cwd);
    try {
      return { code: await main(args, { output, cwd, processEnv: env }), ...printed };
    } finally {
      process.chdir(before);
    }
  };
  const ran = turn.then(run, run);
  turn = ran;
  return ran;
}

/** A command that goes on. It is gone after the test. */
export class RunningCli {
  readonly ended: Promise<CliRun>;
  readonly #child: ChildProcess;
  readonly #run = { stdout: '', stderr: '' };
  readonly #watchers = new Set<() => void>();

  constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, ...this.#run }));
    });
    this.#collect('stdout');
    this.#collect('stderr');
  }

  /** The events of `--json` so far. */
  get events(): unknown[] {
    return eventsOf({ stdout: this.#run.stdout.slice(0, this.#run.stdout.lastIndexOf('\n') + 1) });
  }

  get stderr(): string {
    return this.#run.stderr;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Resolves with the first event of `--json` that fits; rejects if the command ends without. */
  event<Event = Record<string, unknown>>(
    name: string,
    fits: (event: Event) => boolean = () => true,
  ): Promise<Event> {
    const isIt = (event: unknown) => (event as { event: string }).event === name && fits(event as Event);
    return this.#until(() => this.events.find(isIt), `the event ${name}`) as Promise<Event>;
  }

  /** Resolves when stderr says so. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    const found = await this.#until(() => pattern.exec(this.#run.stderr) ?? undefined, String(pattern));
    return found as RegExpExecArray;
  }

  #collect(name: 'stdout' | 'stderr'): void {
    this.#child[name]?.setEncoding('utf8').on('data', (text: string) => {
      this.#run[name] += text;
      for (const watcher of this.#watchers) watcher();
    });
  }

  #until(find: () => unknown, what: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = find();
        if (found === undefined) return;
        this.#watchers.delete(look);
        resolve(found);
      };
      this.#watchers.add(look);
      void this.ended.then(({ stdout, stderr }) =>
        reject(new Error(`ended without ${what}:\n${stdout}\n${stderr}`)),
      );
      look();
    });
  }
}

export function startCli(
  args: readonly string[],
  { cwd = tmpdir(), env = {}, stdin }: CliOptions = {},
): RunningCli {
  const input = stdin === undefined ? undefined : openSync(stdin, 'r');
  const child = spawn(process.execPath, [bin, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: [input ?? 'ignore', 'pipe', 'pipe'],
  });
  if (input !== undefined) closeSync(input);
  const cli = new RunningCli(child);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await cli.ended;
  });
  return cli;
}

/** The lines of `--json`. */
export const eventsOf = ({ stdout }: Pick<CliRun, 'stdout'>): unknown[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
