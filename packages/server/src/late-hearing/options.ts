/** What can be set about audio that is kept until it can be heard. */
import { checkOptions } from '@meetcast/protocol';
import { checkPositive } from '../lib/limits.ts';

export interface UnheardOptions {
  /** A folder in which it outlives the process. Default: none; it is kept in memory and in files without a name. */
  folder?: string;
  /** Bytes kept at most; the oldest audio goes first. Default 64 MiB, with a folder 1 GiB. */
  maxBytes?: number;
  /** Milliseconds after which it is given up. Default a day. */
  maxAgeMs?: number;
  /** Milliseconds that a sender which may send its audio again is waited for. Default 600 000. */
  senderAwayMs?: number;
  /** Shortest and longest wait between two tries, in milliseconds; doubled after each failure. Default 30 000 and 300 000. */
  backoff?: { minMs?: number; maxMs?: number };
}

export interface UnheardSettings extends Required<Omit<UnheardOptions, 'folder' | 'backoff'>> {
  readonly folder: string | undefined;
  readonly minMs: number;
  readonly maxMs: number;
}

const known = { folder: true, maxBytes: true, maxAgeMs: true, senderAwayMs: true, backoff: true } as const;

const mebibyte = 1024 * 1024;

/** The defaults with what was changed. */
export function unheardSettings(options: UnheardOptions): UnheardSettings {
  checkOptions('unheard', options, known);
  const { folder, backoff, ...given } = options;
  checkOptions('unheard.backoff', backoff, { minMs: true, maxMs: true });
  const numbers = {
    maxBytes: (folder === undefined ? 64 : 1024) * mebibyte,
    maxAgeMs: 24 * 3_600_000,
    senderAwayMs: 600_000,
    ...given,
  };
  const waits = { minMs: backoff?.minMs ?? 30_000, maxMs: backoff?.maxMs ?? 300_000 };
  checkPositive('unheard', numbers);
  checkPositive('unheard.backoff', waits);
  return { ...numbers, ...waits, folder };
}
