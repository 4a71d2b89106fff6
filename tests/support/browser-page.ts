/** What a test can do in a page: watch a meeting, and speak like a microphone that does not wait. */
import { publish, subscribe } from '@meetcast/client';
import { indexedDbSpool } from '@meetcast/client/indexeddb-spool';

export interface Place {
  readonly url: string;
  readonly token: string;
  readonly meeting: string;
}

export interface Speaking extends Place {
  readonly sampleRate: number;
  /** 16-bit mono, in base64: what crosses into a page is text. */
  readonly audio: string;
  readonly speedUp: number;
  /** The name of an IndexedDB spool. */
  readonly spool?: string;
}

const watched: string[] = [];
let spokenMs = 0;

/** Resolves when the hub has greeted. */
async function watch({ url, token, meeting }: Place): Promise<void> {
  const subscription = subscribe({ url, token, meeting });
  subscription.on('final', ({ text }) => watched.push(text));
  await new Promise<void>((resolve) =>
    subscription.on('connection', ({ status }) => status === 'connected' && resolve()),
  );
}

/** Resolves when every word is stored. */
async function speak({ audio, speedUp, spool: name, ...options }: Speaking): Promise<void> {
  const spool = name === undefined ? undefined : await indexedDbSpool(name);
  const backoff = { minMs: 10, maxMs: 100 };
  const publisher = publish({ ...options, source: 'mic', backoff, ...(spool ? { spool } : {}) });
  const pcm = Uint8Array.from(atob(audio), (letter) => letter.charCodeAt(0));
  const bytesPerMs = (options.sampleRate * 2) / 1_000;
  const pieceBytes = 20 * bytesPerMs;
  const left = pcm.subarray(spool?.left?.takenBytes ?? 0);
  const from = performance.now();
  for (let at = 0; at < left.length; at += pieceBytes) {
    const dueMs = from + at / bytesPerMs / speedUp - performance.now();
    if (dueMs > 1) await new Promise((resolve) => setTimeout(resolve, dueMs));
    publisher.write(left.slice(at, at + pieceBytes)).catch(() => {});
    spokenMs = at / bytesPerMs;
  }
  await publisher.finalize();
}

/** What the refusal says, or nothing if the spool is free. */
async function refusalOf(name: string): Promise<string | undefined> {
  try {
    await (await indexedDbSpool(name)).close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The names of the databases of this origin. */
const databases = async () => (await indexedDB.databases()).map(({ name }) => name ?? '');

export const meetcast = { watched, watch, speak, spokenMs: () => spokenMs, refusalOf, databases };
Object.assign(globalThis, { meetcast });
