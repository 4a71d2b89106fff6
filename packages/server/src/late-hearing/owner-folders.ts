/** Folders of one process among those of others: whoever is gone leaves them to be taken over, by exactly one. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { birthOf, isRunning } from '../lib/process-birth.ts';

/** Who is alive touches its folders so often: whoever looks from another machine sees nothing else of it. */
const beatMs = 5_000;
const deadAfterMs = 60_000;

const left = 'left';
const bad = 'bad';

/**
 * The folder's name says whose it is. To take one over is to rename it: only one can, and from then on its former owner,
 * should it only have been paused, can write nothing more.
 */
export class OwnerFolders {
  readonly #root: string;
  readonly #paths = new Set<string>();
  readonly #beat: NodeJS.Timeout;
  #name: Promise<string> | undefined;

  constructor(root: string) {
    this.#root = root;
    this.#beat = setInterval(() => this.#touch(), beatMs);
    this.#beat.unref();
  }

  /** Makes a folder. Rejects if the disk refuses. */
  async make(): Promise<string> {
    const path = join(this.#root, await this.#newName());
    await mkdir(path, { recursive: true, mode: 0o700 });
    this.#paths.add(path);
    return path;
  }

  /** Takes over what others have left, each folder with all that is in it. */
  async takeOver(): Promise<string[]> {
    const taken: string[] = [];
    for (const name of await readdir(this.#root).catch(noEntries)) {
      const from = join(this.#root, name);
      if (this.#paths.has(from) || !(await isLeft(from, name))) continue;
      const to = join(this.#root, await this.#newName());
      try {
        await rename(from, to);
        this.#paths.add(to);
        taken.push(to);
      } catch {
        // Somebody else was faster.
      }
    }
    this.#touch();
    return taken;
  }

  /** Removes a folder with what is in it; never rejects. */
  async remove(path: string): Promise<void> {
    this.#paths.delete(path);
    await rm(path, { recursive: true, force: true }).catch(() => {});
  }

  /** Puts a folder aside that nobody can use. */
  async setAside(path: string): Promise<void> {
    this.#paths.delete(path);
    await rename(path, join(this.#root, `${bad}~${randomBytes(6).toString('hex')}`)).catch(() => {});
  }

  /** Removes what was put aside before that instant. */
  async removeOld(beforeMs: number): Promise<void> {
    for (const name of await readdir(this.#root).catch(() => [])) {
      const path = join(this.#root, name);
      const mtimeMs = name.startsWith(`${bad}~`) && (await stat(path).catch(() => undefined))?.mtimeMs;
      if (mtimeMs && mtimeMs < beforeMs) await this.remove(path);
    }
  }

  /** Leaves the folders to whoever comes next. */
  async close(): Promise<void> {
    clearInterval(this.#beat);
    for (const path of this.#paths) {
      const name = `${left}~${randomBytes(6).toString('hex')}`;
      await rename(path, join(this.#root, name)).catch(() => {});
    }
    this.#paths.clear();
  }

  #touch(): void {
    const now = new Date();
    for (const path of this.#paths) utimes(path, now, now).catch(() => {});
  }

  async #newName(): Promise<string> {
    this.#name ??= birthOf(process.pid).then(
      (born) => `own~${process.pid}~${born}~${encodeURIComponent(hostname().slice(0, 64))}`,
    );
    return `${await this.#name}~${randomBytes(6).toString('hex')}`;
  }
}

const noEntries = (error: unknown): string[] => {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
  throw error;
};

async function isLeft(path: string, name: string): Promise<boolean> {
  const [kind, pid, born, host] = name.split('~');
  if (kind === left) return true;
  if (kind !== 'own' || pid === undefined || born === undefined || host === undefined) return false;
  if (host === encodeURIComponent(hostname().slice(0, 64)))
    return !(await isRunning({ pid: Number(pid), born }));
  const folder = await stat(path).catch(() => undefined);
  return folder !== undefined && Date.now() - folder.mtimeMs > deadAfterMs;
}
