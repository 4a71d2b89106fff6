/** The numbered files of a spool in their folder: read from the first to the last, and written at the end. */

import { type FileHandle, open, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import * as sentences from '../sentences.ts';
import { decodeRecords, magic, type SpoolRecord } from './record.ts';
import { SpoolError } from './spool.ts';

export interface Segment {
  readonly number: number;
  /** Which audio is in it: from one position up to another. */
  from: number;
  to: number;
}

const fileName = (number: number): string => `${String(number).padStart(8, '0')}.spool`;

export class SegmentFiles {
  readonly #folder: string;
  readonly #isSynced: boolean;
  #open: { handle: FileHandle; bytes: number } | undefined;

  constructor(folder: string, isSynced: boolean) {
    this.#folder = folder;
    this.#isSynced = isSynced;
  }

  /** How long the file that is being written is; undefined if there is none. */
  get openBytes(): number | undefined {
    return this.#open?.bytes;
  }

  /** The numbers of the files that are there, rising. */
  async numbers(): Promise<number[]> {
    const names = await readdir(this.#folder);
    return names
      .flatMap((name) => (/^\d{8}\.spool$/.test(name) ? [Number.parseInt(name, 10)] : []))
      .sort((a, b) => a - b);
  }

  /**
   * Reads a file. What a killed process left unfinished at the end of the last one is cut off. False: not even its
   * beginning was finished, and it is gone.
   */
  async load(number: number, isLast: boolean, take: (record: SpoolRecord) => void): Promise<boolean> {
    const path = this.#path(number);
    const { how, at } = decodeRecords(await readFile(path), take);
    if (how === 'whole') return true;
    if (how === 'damaged' || !isLast) throw this.damage(number, sentences.damagedAt(at));
    if (at === 0) await this.remove(number);
    else await truncate(path, at);
    return at > 0;
  }

  /** Reads a file's records, as far as they were written. */
  async read(number: number, take: (record: SpoolRecord) => void): Promise<void> {
    const { how, at } = decodeRecords(await readFile(this.#path(number)), take);
    if (how === 'damaged') throw this.damage(number, sentences.damagedAt(at));
  }

  async create(number: number): Promise<void> {
    const handle = await open(this.#path(number), 'ax');
    await handle.appendFile(magic);
    this.#open = { handle, bytes: magic.length };
    if (this.#isSynced) await this.#syncFolder();
  }

  /** Writes records at the end of the open file. */
  async write(records: readonly Buffer[]): Promise<void> {
    if (!this.#open) throw new Error('no file of the spool is open');
    const bytes = Buffer.concat(records);
    await this.#open.handle.appendFile(bytes);
    this.#open.bytes += bytes.length;
    if (this.#isSynced) await this.#open.handle.datasync();
  }

  async finish(): Promise<void> {
    const { handle } = this.#open ?? {};
    this.#open = undefined;
    await handle?.close();
  }

  remove(number: number): Promise<void> {
    return rm(this.#path(number), { force: true });
  }

  damage(number: number, how: string): SpoolError {
    return new SpoolError('damaged', sentences.changedFromOutside(this.#folder, fileName(number), how));
  }

  #path(number: number): string {
    return join(this.#folder, fileName(number));
  }

  async #syncFolder(): Promise<void> {
    const folder = await open(this.#folder);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}
