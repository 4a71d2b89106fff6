/** A spool in a database of the browser. */

import { checkOptions } from '@meetcast/protocol';
import * as sentences from '../sentences.ts';
import {
  checkLabel,
  isLabelled,
  type Labelled,
  type Left,
  type SessionNote,
  type Spool,
  SpoolError,
  type SpoolOptions,
} from './spool.ts';
import { WriteQueue } from './write-queue.ts';

type Write =
  | { kind: 'audio'; audio: Uint8Array<ArrayBuffer> }
  | { kind: 'note'; session: SessionNote }
  | { kind: 'forget'; before: number };

/** Pieces of audio by their position, and the one note. */
const stores = ['audio', 'note'] as const;
const noteKey = 'session';
/** What is read back at once: some seconds. */
const piecesRead = 64;

/**
 * Opens the spool of this name, in this page's origin. Rejects with a `SpoolError` if another tab uses it, or if what
 * is in it cannot be used.
 */
export async function indexedDbSpool(name: string, options: SpoolOptions = {}): Promise<Spool> {
  checkOptions('indexedDbSpool', options, { label: true });
  const place = `meetcast spool ${name}`;
  const unlock = await lock(place);
  if (!unlock) throw new SpoolError('locked', sentences.lockedByTab(name));
  let database: IDBDatabase | undefined;
  try {
    database = await open(place);
    const found = await load(database, name);
    if (found.labelled) checkLabel(name, found.labelled, options.label);
    return new IndexedDbSpool(database, found, options.label ?? '', unlock);
  } catch (error) {
    database?.close();
    unlock();
    throw error;
  }
}

/** The browser gives the lock back when the tab is gone. Where there are no locks, one tab is trusted to be the only one. */
async function lock(name: string): Promise<(() => void) | undefined> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return () => {};
  return await new Promise((resolve, reject) => {
    const held = (granted: unknown) => {
      if (!granted) return resolve(undefined);
      return new Promise<void>((unlock) => resolve(unlock));
    };
    locks.request(name, { ifAvailable: true }, held).catch(reject);
  });
}

function open(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    for (const store of stores) request.result.createObjectStore(store);
  };
  return resultOf(request);
}

interface Found {
  labelled: Labelled | undefined;
  end: number;
}

async function load(database: IDBDatabase, name: string): Promise<Found> {
  const transaction = database.transaction(stores);
  const [labelled, last] = await Promise.all([
    resultOf<unknown>(transaction.objectStore('note').get(noteKey)),
    resultOf(transaction.objectStore('audio').openCursor(null, 'prev')),
  ]);
  if (labelled === undefined) return { labelled, end: 0 };
  if (!isLabelled(labelled)) throw new SpoolError('foreign', sentences.spoolOfAnotherVersion(name));
  const { start, channels } = labelled.session;
  const behindLast = last ? (last.key as number) + (last.value as Uint8Array).length : 0;
  return { labelled, end: Math.max(behindLast, start * channels * 2) };
}

class IndexedDbSpool implements Spool {
  readonly left: Left | undefined;
  readonly #database: IDBDatabase;
  readonly #label: string;
  readonly #unlock: () => void;
  readonly #queue = new WriteQueue<Write>((writes) => this.#write(writes));
  #end: number;

  constructor(database: IDBDatabase, { labelled, end }: Found, label: string, unlock: () => void) {
    this.#database = database;
    this.#label = label;
    this.#unlock = unlock;
    this.#end = end;
    this.left = labelled && { session: labelled.session, takenBytes: end };
  }

  append(audio: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#queue.add({ kind: 'audio', audio });
  }

  note(session: SessionNote): Promise<void> {
    return this.#queue.add({ kind: 'note', session });
  }

  forget(before: number): Promise<void> {
    return this.#queue.add({ kind: 'forget', before });
  }

  async read(at: number): Promise<Uint8Array<ArrayBuffer>> {
    const audio = this.#database.transaction('audio').objectStore('audio');
    const holder = await resultOf(audio.openKeyCursor(IDBKeyRange.upperBound(at), 'prev'));
    if (!holder) throw new Error(sentences.noAudioAt(this.#database.name, at));
    const from = holder.key as number;
    const pieces = await resultOf<Uint8Array[]>(audio.getAll(IDBKeyRange.lowerBound(from), piecesRead));
    const bytes = joined(pieces).subarray(at - from);
    if (bytes.length === 0) throw new Error(sentences.noAudioAt(this.#database.name, at));
    return bytes;
  }

  async close(): Promise<void> {
    await this.#queue.idle();
    this.#database.close();
    this.#unlock();
  }

  async remove(): Promise<void> {
    await this.#queue.idle();
    this.#database.close();
    await resultOf(indexedDB.deleteDatabase(this.#database.name)).finally(this.#unlock);
  }

  /** All of it, or nothing. */
  #write(writes: Write[]): Promise<void> {
    const transaction = this.#database.transaction(stores, 'readwrite');
    const audio = transaction.objectStore('audio');
    let end = this.#end;
    for (const write of writes) {
      if (write.kind === 'audio') {
        // A copy: of a view, a browser would keep the whole buffer behind it.
        audio.put(write.audio.slice(), end);
        end += write.audio.length;
      } else if (write.kind === 'note') {
        const labelled: Labelled = { label: this.#label, session: write.session };
        transaction.objectStore('note').put(labelled, noteKey);
      } else {
        forget(audio, write.before);
      }
    }
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => {
        this.#end = end;
        resolve();
      };
      transaction.onabort = () => reject(transaction.error ?? new Error(sentences.browserGaveUp));
    });
  }
}

/** Removes the pieces that end before a position: all that begin before it, but for the last of them. */
function forget(audio: IDBObjectStore, before: number): void {
  const last = audio.openKeyCursor(IDBKeyRange.upperBound(before), 'prev');
  last.onsuccess = () => {
    if (last.result) audio.delete(IDBKeyRange.upperBound(last.result.key, true));
  };
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error(sentences.databaseFailed));
  });
}
