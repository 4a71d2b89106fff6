/**
 * Whether a process still runs that has put down its id and its birth. The id alone says little: it is given again, and in
 * a container it is always the same.
 *
 * Server and client have this file each, word for word, as a test sees to: they meet in the protocol only, and that asks
 * nothing of the machine it runs on.
 */
import { readFile } from 'node:fs/promises';

/** When a process started, in ticks since which boot; empty where the system does not say without another program. */
export async function birthOf(pid: number): Promise<string> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const fields = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name before the last parenthesis may hold anything; the start is the twentieth field after it.
    return `${boot.trim()}.${fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return '';
  }
}

/** Of this machine. */
export async function isRunning({ pid, born }: { pid: number; born: string }): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // A process that may not be signalled is there all the same.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return born === (await birthOf(pid));
}
