/** What can be set about a recognizer that survives losses. */

import { tmpdir } from 'node:os';
import { checkOptions } from '@meetcast/protocol';
import { checkPositive } from '../lib/limits.ts';
import type { RingOptions } from './audio-ring.ts';
import type { RetryPolicy } from './retry.ts';

/** Every time is in milliseconds. */
export interface ResilientOptions {
  /** Audio kept in memory for a replay; what is older goes to a temporary file. Default 60 000. */
  memoryMs?: number;
  /** Audio kept in all; what falls off becomes `unheard`. Default 600 000; no more than `memoryMs`: no file is made. */
  keptMs?: number;
  /** Where the temporary file is made. Default the system's folder for such. */
  folder?: string;
  /** How many times real time a replay is sent at most. Default 1.25, as Deepgram takes it; Infinity is allowed. */
  replayPace?: number;
  /** Time without any result although somebody speaks, after which the recognizer counts as lost. Default 8 000. */
  silentMs?: number;
  /** Time without audio after which the words so far are asked for. Default 1 000. */
  pauseMs?: number;
  /** Ceilings of the first and the longest wait before a reconnect; doubled by each failure. Default 100 and 10 000. */
  backoff?: { minMs?: number; maxMs?: number };
  /** Failures in a row after which the recognizer is only probed. Default 20. */
  failuresBeforeProbing?: number;
  /** Longest wait between two probes. Default 30 000. */
  probeMs?: number;
}

export interface ResilientSettings extends RingOptions, RetryPolicy {
  readonly replayPace: number;
  readonly silentMs: number;
  readonly pauseMs: number;
}

const known = {
  memoryMs: true,
  keptMs: true,
  folder: true,
  replayPace: true,
  silentMs: true,
  pauseMs: true,
  backoff: true,
  failuresBeforeProbing: true,
  probeMs: true,
} as const;

/** The defaults with what was changed. */
export function settingsOf(options: ResilientOptions): ResilientSettings {
  checkOptions('recovery', options, known);
  const { folder = tmpdir(), backoff, ...given } = options;
  checkOptions('recovery.backoff', backoff, { minMs: true, maxMs: true });
  const numbers = {
    memoryMs: 60_000,
    keptMs: 600_000,
    replayPace: 1.25,
    silentMs: 8_000,
    pauseMs: 1_000,
    failuresBeforeProbing: 20,
    probeMs: 30_000,
    ...given,
  };
  const waits = { minMs: backoff?.minMs ?? 100, maxMs: backoff?.maxMs ?? 10_000 };
  checkPositive('recovery', numbers);
  checkPositive('recovery.backoff', waits);
  return { ...numbers, ...waits, folder };
}
