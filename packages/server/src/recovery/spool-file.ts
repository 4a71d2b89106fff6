/** A temporary file of equal slots, for audio that is too much for the memory. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** As Node's own; a test gives one whose disk is full. */
export type OpenFile = (path: string, flags: string, mode: number) => Promise<FileHandle>;

export class SpoolFile {
  readonly #folder: string;
  readonly #slotBytes: number;
  readonly #openFile: OpenFile;
  /** Given-back slots, which are used again before the file grows. */
  readonly #free: number[] = [];
  #slots = 0;
  #file: Promise<FileHandle> | undefined;
  #path: string | undefined;
  /** What is still read or written. */
  readonly #busy = new Set<Promise<unknown>>();
  /** Files that are on their way out. */
  readonly #discarded = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(folder: string, slotBytes: number, openFile: OpenFile = open) {
    this.#folder = folder;
    this.#slotBytes = slotBytes;
    this.#openFile = openFile;
  }

  /** Resolves to the slot that now holds the bytes. Rejects if the disk does not take them; the next write tries again. */
  async write(bytes: Uint8Array): Promise<number> {
    const slot = this.#free.pop() ?? this.#slots++;
    try {
      await this.#track((file) => this.#fill(file, slot, bytes));
      return slot;
    } catch (error) {
      this.#free.unshift(slot); // The last to be taken again: a full disk still takes what replaces something.
      this.#discardIfEmpty();
      throw error;
    }
  }

  read(slot: number, length: number): Promise<Uint8Array> {
    return this.#track(async (file) => {
      const bytes = new Uint8Array(length);
      const { bytesRead } = await file.read(bytes, 0, length, slot * this.#slotBytes);
      if (bytesRead < length) throw new Error('the spool file is shorter than it was');
      return bytes;
    });
  }

  /** With its last slot the file goes too. */
  free(slot: number): void {
    this.#free.push(slot);
    this.#discardIfEmpty();
  }

  /** Leaves no file; afterwards nothing is written or read any more. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#discard();
    await Promise.allSettled(this.#discarded);
  }

  async #fill(file: FileHandle, slot: number, bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const at = slot * this.#slotBytes + written;
      written += (await file.write(bytes, written, bytes.length - written, at)).bytesWritten;
    }
  }

  #discardIfEmpty(): void {
    if (this.#free.length === this.#slots) this.#discard().catch(() => {});
  }

  async #discard(): Promise<void> {
    const [file, path, busy] = [this.#file, this.#path, [...this.#busy]];
    this.#file = undefined;
    this.#free.length = 0;
    this.#slots = 0;
    const gone = Promise.allSettled(busy).then(() => remove(file, path));
    this.#discarded.add(gone);
    await gone;
    this.#discarded.delete(gone);
  }

  async #track<T>(work: (file: FileHandle) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new Error('the spool file is closed');
    this.#file ??= this.#open();
    const done = this.#file.then(work);
    this.#busy.add(done);
    try {
      return await done;
    } finally {
      this.#busy.delete(done);
    }
  }

  /** Where the system allows it the file has no name any more once it is open: not even a crash leaves it behind. */
  async #open(): Promise<FileHandle> {
    const path = join(this.#folder, `meetcast-${randomUUID()}.pcm`);
    this.#path = path;
    const file = await this.#openFile(path, 'wx+', 0o600);
    await rm(path).catch(() => {});
    return file;
  }
}

async function remove(file: Promise<FileHandle> | undefined, path: string | undefined): Promise<void> {
  await (await file?.catch(() => undefined))?.close().catch(() => {});
  if (path !== undefined) await rm(path, { force: true }).catch(() => {});
}
