/** What can be set about audio that is kept until it can be heard. */

export interface UnheardOptions {
  /** A directory in which it outlives the process. Default: none; it is kept in memory and in files without a name. */
  folder?: string;
  /** Bytes kept at most; the oldest audio goes first. Default 64 MiB, with a folder 1 GiB. */
  maxBytes?: number;
  /** Milliseconds after which it is given up. Default a day. */
  maxAgeMs?: number;
  /** Milliseconds that a sender which may send its audio again is waited for. Default 600 000. */
  senderAwayMs?: number;
  /** Shortest wait between two tries, in milliseconds; doubled after each further failure. Default 30 000. */
  retryMinMs?: number;
  /** Longest wait between two tries, in milliseconds. Default 300 000. */
  retryMaxMs?: number;
}

export interface UnheardSettings extends Required<Omit<UnheardOptions, 'folder'>> {
  readonly folder: string | undefined;
}

const mebibyte = 1024 * 1024;

/** The defaults with what was changed. */
export function unheardSettings({ folder, ...given }: UnheardOptions): UnheardSettings {
  const numbers = {
    maxBytes: (folder === undefined ? 64 : 1024) * mebibyte,
    maxAgeMs: 24 * 3_600_000,
    senderAwayMs: 600_000,
    retryMinMs: 30_000,
    retryMaxMs: 300_000,
    ...given,
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (!(value > 0)) throw new TypeError(`unheard.${name} must be a positive number, got ${String(value)}`);
  }
  return { ...numbers, folder };
}
