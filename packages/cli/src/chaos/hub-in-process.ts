/** A hub in a process of its own, `meetcast serve`, that can be killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type HubParts, type ListeningHub, localHub, type OpenHub } from '@meetcast/testing/chaos';
import { CliError } from '../exit.ts';
import { chaosProblem } from '../sentences.ts';

export const hubInProcess: OpenHub = (parts) => localHub((port) => serve(parts, port));

async function serve(parts: HubParts, port: number): Promise<ListeningHub> {
  const child = start(parts, port);
  try {
    await listening(child);
    return { leave: () => kill(child) };
  } catch (error) {
    await kill(child);
    throw error;
  }
}

/** The program that runs now, as a hub; killed when the signal aborts. */
function start({ secret, endpoint, folder, signal }: HubParts, port: number): ChildProcess {
  const [, program = ''] = process.argv;
  const kept = folder === undefined ? ['--memory'] : ['--data', folder];
  const args = [program, 'serve', '--port', String(port), '--quiet', '--json', ...kept];
  const child = spawn(process.execPath, args, {
    // Nothing of the surroundings: no `.env`, no other recognizer.
    cwd: folder,
    env: { PATH: process.env.PATH, SECRET_KEY: secret, DEEPGRAM_ENDPOINT: endpoint },
    stdio: ['ignore', 'pipe', 'ignore'],
    signal,
    killSignal: 'SIGKILL',
  });
  child.on('error', () => {}); // Of the abort; a process that cannot be started says nothing, which is noticed.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  return child;
}

/** Resolves with its first line: it listens. */
async function listening(child: ChildProcess): Promise<void> {
  if (!child.stdout) throw new CliError('failed', ...chaosProblem.silentProcess);
  const lines = createInterface({ input: child.stdout });
  const ended = once(lines, 'close').then(() => {
    throw new CliError('failed', ...chaosProblem.endedProcess);
  });
  await Promise.race([once(lines, 'line'), ended]);
  ended.catch(() => {});
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
