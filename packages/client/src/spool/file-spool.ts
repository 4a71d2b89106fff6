/** A spool in a folder: files of records, removed from the first on as their audio is stored. */

import { mkdir, rmdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { checkOptions } from '@meetcast/protocol';
import * as sentences from '../sentences.ts';
import { type Loaded, loadSegments } from './load-segments.ts';
import { lock } from './lock.ts';
import { encodeAudio, encodeNote } from './record.ts';
import { type Segment, SegmentFiles } from './segment-files.ts';
import {
  checkLabel,
  type Labelled,
  type Left,
  type SessionNote,
  type Spool,
  SpoolError,
  type SpoolOptions,
} from './spool.ts';
import { WriteQueue } from './write-queue.ts';

export interface FileSpoolOptions extends SpoolOptions {
  /** Made if it is not there, and removed when all is stored. */
  folder: string;
  /** Waits for the disk each time, so that a power cut loses no more than a killed process does. Default false. */
  sync?: boolean;
}

type Write =
  | { kind: 'audio'; audio: Uint8Array<ArrayBuffer> }
  | { kind: 'note'; session: SessionNote }
  | { kind: 'forget'; before: number };

/** At which length another file is begun: what is stored leaves the disk in portions of this. */
const segmentBytes = 1024 * 1024;
/** More than this at once is taken in parts, so that no file grows far beyond its length: whole frames of 1 to 8 channels. */
const partBytes = 1_680 * 156;

/** Opens the spool in a folder. Rejects with a `SpoolError` if another process uses it, or if what is in it cannot be used. */
export async function fileSpool(options: FileSpoolOptions): Promise<Spool> {
  const path = resolve(checkedFolder(options));
  await mkdir(path, { recursive: true });
  const unlock = await lock(path);
  if (typeof unlock !== 'function') {
    const { pid, host } = unlock;
    throw new SpoolError('locked', sentences.lockedByProcess(path, pid, host));
  }
  try {
    const files = new SegmentFiles(path, options.sync ?? false);
    const loaded = await loadSegments(path, files);
    if (loaded.labelled) checkLabel(path, loaded.labelled, options.label);
    return new FileSpool({ path, files, loaded, label: options.label ?? '', unlock });
  } catch (error) {
    await unlock();
    throw error;
  }
}

function checkedFolder(options: FileSpoolOptions): string {
  if (typeof options === 'string') throw new TypeError(sentences.optionsAreAnObject(options));
  checkOptions('fileSpool', options, { folder: true, sync: true, label: true });
  const folder: unknown = options?.folder;
  if (typeof folder === 'string' && folder !== '') return folder;
  throw new TypeError(sentences.folderNeeded);
}

interface Opened {
  path: string;
  files: SegmentFiles;
  loaded: Loaded;
  label: string;
  unlock: () => Promise<void>;
}

class FileSpool implements Spool {
  readonly left: Left | undefined;
  readonly #opened: Opened;
  readonly #queue = new WriteQueue<Write>((writes) => this.#write(writes));
  #segments: Segment[];
  #end: number;
  #session: SessionNote | undefined;

  constructor(opened: Opened) {
    const { segments, labelled, end } = opened.loaded;
    this.#opened = opened;
    this.#segments = segments;
    this.#end = end;
    this.#session = labelled?.session;
    this.left = labelled && { session: labelled.session, takenBytes: end };
  }

  async append(audio: Uint8Array<ArrayBuffer>): Promise<void> {
    const parts: Promise<void>[] = [];
    for (let at = 0; at < audio.length; at += partBytes)
      parts.push(this.#queue.add({ kind: 'audio', audio: audio.subarray(at, at + partBytes) }));
    await Promise.all(parts);
  }

  note(session: SessionNote): Promise<void> {
    return this.#queue.add({ kind: 'note', session });
  }

  forget(before: number): Promise<void> {
    return this.#queue.add({ kind: 'forget', before });
  }

  async read(at: number): Promise<Uint8Array<ArrayBuffer>> {
    const segment = this.#segments.find(({ from, to }) => from <= at && at < to);
    if (!segment) throw new Error(sentences.noAudioAt(this.#opened.path, at));
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    await this.#opened.files.read(segment.number, (record) => {
      if (record.kind === 'audio' && record.at + record.audio.length > at)
        pieces.push(record.audio.subarray(Math.max(0, at - record.at)));
    });
    return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
  }

  async close(): Promise<void> {
    await this.#queue.idle();
    try {
      await this.#opened.files.finish();
    } finally {
      await this.#opened.unlock();
    }
  }

  async remove(): Promise<void> {
    const { files, unlock } = this.#opened;
    await this.#queue.idle();
    // What becomes of a file that is removed is of no interest.
    await files.finish().catch(() => {});
    try {
      // From the first on: whatever is left by a process that is killed now can be read. One may have failed to begin.
      for (const number of await files.numbers()) await files.remove(number);
    } finally {
      await unlock();
    }
    // What somebody else put into the folder stays.
    await rmdir(this.#opened.path).catch(() => {});
  }

  async #write(writes: Write[]): Promise<void> {
    let records: Buffer[] = [];
    let segment = await this.#segment();
    const save = async () => {
      if (records.length === 0) return;
      await this.#opened.files.write(records);
      records = [];
      segment.to = this.#end;
    };
    for (const write of joined(writes)) {
      if (write.kind === 'audio') {
        records.push(...encodeAudio(this.#end, write.pieces));
        this.#end += lengthOf(write.pieces);
      } else if (write.kind === 'note') {
        this.#session = write.session;
        records.push(...this.#noted(write.session));
      } else {
        await save();
        await this.#forget(write.before);
      }
      if ((this.#opened.files.openBytes ?? 0) + lengthOf(records) < segmentBytes) continue;
      await save();
      await this.#opened.files.finish();
      segment = await this.#segment();
    }
    await save();
  }

  /** The segment that is written; a new one begins with what is known of the session. */
  async #segment(): Promise<Segment> {
    const last = this.#segments.at(-1);
    if (last && this.#opened.files.openBytes !== undefined) return last;
    const segment = { number: (last?.number ?? 0) + 1, from: this.#end, to: this.#end };
    await this.#opened.files.create(segment.number);
    this.#segments.push(segment);
    if (this.#session) await this.#opened.files.write(this.#noted(this.#session));
    return segment;
  }

  #noted(session: SessionNote): Buffer[] {
    const labelled: Labelled = { label: this.#opened.label, session };
    return encodeNote(JSON.stringify(labelled));
  }

  async #forget(before: number): Promise<void> {
    for (;;) {
      const [first, second] = this.#segments;
      if (!first || !second || first.to > before) return;
      await this.#opened.files.remove(first.number);
      this.#segments = this.#segments.slice(1);
    }
  }
}

type Joined = { kind: 'audio'; pieces: Uint8Array<ArrayBuffer>[] } | Exclude<Write, { kind: 'audio' }>;

/** Pieces of audio with nothing between them become one record, as far as it stays small. */
function* joined(writes: readonly Write[]): Generator<Joined> {
  let pieces: Uint8Array<ArrayBuffer>[] = [];
  for (const write of writes) {
    if (pieces.length > 0 && (write.kind !== 'audio' || lengthOf(pieces) + write.audio.length > partBytes)) {
      yield { kind: 'audio', pieces };
      pieces = [];
    }
    if (write.kind === 'audio') pieces.push(write.audio);
    else yield write;
  }
  if (pieces.length > 0) yield { kind: 'audio', pieces };
}

const lengthOf = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((sum, { length }) => sum + length, 0);
