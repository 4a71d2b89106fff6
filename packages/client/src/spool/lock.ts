/** One process at a time: a lock on a folder that a killed process cannot leave closed. */
import { randomBytes } from 'node:crypto';
import { readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { birthOf, isRunning } from './process-birth.ts';

/** Who holds a lock. */
export interface Holder {
  pid: number;
  /** Tells processes with one id apart, where the system says; otherwise empty. */
  born: string;
  host: string;
}

/** A holder on another machine is known by the beats of its lock only. */
const beatMs = 2_000;
const deadAfterMs = 30_000;
/** Two that start at once both step back, and try again at different times. */
const tries = 6;
const retryMs = 60;

/**
 * Resolves with what unlocks the folder, or with who holds it. Every process puts down a file of its own before it
 * looks for those of others: of two that start at once, at least one sees the other.
 */
export async function lock(folder: string): Promise<(() => Promise<void>) | Holder> {
  const host = hostname().slice(0, 64);
  const own = nameOf({ pid: process.pid, born: await birthOf(process.pid), host });
  for (let left = tries; ; left -= 1) {
    await writeFile(join(folder, own), '');
    const other = await otherThan(own, folder, host);
    if (!other) return held(join(folder, own));
    await rm(join(folder, own), { force: true });
    if (left <= 1) return other;
    await new Promise((resolve) => setTimeout(resolve, retryMs * (0.5 + Math.random())));
  }
}

function held(path: string): () => Promise<void> {
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, beatMs);
  beat.unref();
  return async () => {
    clearInterval(beat);
    await rm(path, { force: true });
  };
}

/** What is known of the holder is the file's name, which is there as a whole or not at all. */
const nameOf = ({ pid, born, host }: Holder): string =>
  `lock~${pid}~${born}~${encodeURIComponent(host)}~${randomBytes(6).toString('hex')}`;

function holderOf(name: string): Holder | undefined {
  const [, pid, born, host] = /^lock~(\d+)~([^~]*)~([^~]*)~[0-9a-f]+$/.exec(name) ?? [];
  if (pid === undefined || born === undefined || host === undefined) return undefined;
  return { pid: Number(pid), born, host: decodeURIComponent(host) };
}

/** Another process that is alive and has put down its file. Files of dead ones are removed. */
async function otherThan(own: string, folder: string, host: string): Promise<Holder | undefined> {
  for (const name of await readdir(folder)) {
    const holder = name === own ? undefined : holderOf(name);
    if (!holder) continue;
    const path = join(folder, name);
    const isAlive = holder.host === host ? await isRunning(holder) : await isBeating(path);
    if (isAlive) return holder;
    await rm(path, { force: true });
  }
  return undefined;
}

async function isBeating(path: string): Promise<boolean> {
  const file = await stat(path).catch(() => undefined);
  return file !== undefined && Date.now() - file.mtimeMs < deadAfterMs;
}
