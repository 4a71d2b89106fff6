/** Audio that nobody heard, on disk: it outlives its process, and a later one takes it over. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOf } from '../recognizer/pcm.ts';
import type { UnheardAudio } from '../recognizer/recognizer.ts';
import type { Kept } from './kept.ts';
import { durationMs, Leftover } from './leftover.ts';
import { OwnerFolders } from './owner-folders.ts';

const audioFile = 'audio.pcm';
const noteFile = 'leftover.json';
/** Read at a time: whole samples. */
const pieceMs = 1_000;

export class UnheardFolder {
  readonly #folders: OwnerFolders;

  constructor(path: string) {
    this.#folders = new OwnerFolders(path);
  }

  /** Resolves once the audio is here; then it is discarded where it was. Rejects, and leaves it there, if the disk refuses. */
  async put(leftover: Leftover, audio: UnheardAudio): Promise<Kept> {
    const path = await this.#folders.make();
    try {
      await writeAudio(join(path, audioFile), audio);
      const kept = new OnDisk(path, leftover, this.#folders, false);
      await kept.save({});
      await audio.discard();
      return kept;
    } catch (error) {
      await this.#folders.remove(path);
      throw error;
    }
  }

  /** What processes that are gone have left. `report` is told of what cannot be used; that is put aside. */
  async takeOver(report: (error: unknown) => void): Promise<Kept[]> {
    const found: Kept[] = [];
    for (const path of await this.#folders.takeOver()) {
      try {
        const leftover = await readNote(path);
        if (leftover) found.push(new OnDisk(path, leftover, this.#folders, true));
        else await this.#folders.remove(path); // Its process died while it wrote the audio.
      } catch (error) {
        report(error);
        await this.#folders.setAside(path);
      }
    }
    return found;
  }

  /** Removes what was put aside before that instant. */
  removeOld(beforeMs: number): Promise<void> {
    return this.#folders.removeOld(beforeMs);
  }

  /** Leaves what there is to a later process. */
  close(): Promise<void> {
    return this.#folders.close();
  }
}

class OnDisk implements Kept {
  readonly audio: UnheardAudio;
  readonly isFound: boolean;
  leftover: Leftover;
  readonly #path: string;
  readonly #folders: OwnerFolders;

  constructor(path: string, leftover: Leftover, folders: OwnerFolders, isFound: boolean) {
    this.#path = path;
    this.leftover = leftover;
    this.#folders = folders;
    this.isFound = isFound;
    this.audio = {
      startMs: 0,
      endMs: durationMs(leftover),
      bytes: leftover.bytes,
      read: (skip) => {
        const end = leftover.bytes - 1;
        const highWaterMark = bytesOf(pieceMs, leftover.format);
        return createReadStream(join(path, audioFile), { start: Math.min(skip, end), end, highWaterMark });
      },
      discard: () => folders.remove(path),
    };
  }

  async save(changes: Partial<Leftover>): Promise<void> {
    this.leftover = { ...this.leftover, ...changes };
    const path = join(this.#path, noteFile);
    await writeFile(`${path}.new`, JSON.stringify(this.leftover), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  discard(): Promise<void> {
    return this.#folders.remove(this.#path);
  }
}

async function writeAudio(path: string, audio: UnheardAudio): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const piece of audio.read(0)) await writeAll(file, piece);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length; ) at += (await file.write(piece, at)).bytesWritten;
}

/** Undefined if there is none. Throws if it cannot be understood, or its audio is not whole. */
async function readNote(path: string): Promise<Leftover | undefined> {
  const text = await readFile(join(path, noteFile), 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const leftover = Leftover.parse(JSON.parse(text));
  const { size } = await stat(join(path, audioFile));
  if (size < leftover.bytes) throw new Error(`${size} of ${leftover.bytes} bytes of unheard audio are there`);
  return leftover;
}
