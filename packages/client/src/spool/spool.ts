/** Where a publisher keeps what must outlive it: audio whose words are not stored, and what it knows of its session. */

import type { Source } from '@meetcast/protocol';
import type { Anchor } from '../audio-clock.ts';
import type { KeptCommands } from '../command-track.ts';
import * as sentences from '../sentences.ts';

/**
 * Belongs to one publisher, which closes or removes it. Positions are bytes of 16-bit samples, counted from the first one of
 * the session. What is called first takes effect first. After a failed write every later one fails too, so that
 * nothing is ever kept behind a hole.
 */
export interface Spool {
  /** What an earlier publisher left, if anything. */
  readonly left: Left | undefined;
  /** Takes the audio that follows, in whole frames. Resolves when it will outlive the process. */
  append(audio: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Replaces what is known of the session. Resolves when it will outlive the process. */
  note(session: SessionNote): Promise<void>;
  /** Audio from the beginning of a frame on, at least one whole frame and no part of one; rejects if it is not there. */
  read(at: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Audio before a position is not needed any more. */
  forget(before: number): Promise<void>;
  /** Keeps what there is for the next publisher. */
  close(): Promise<void>;
  /** Leaves nothing behind. */
  remove(): Promise<void>;
}

export interface Left {
  readonly session: SessionNote;
  /** How many bytes of audio were taken since the session began; a program that sends a file goes on behind them. */
  readonly takenBytes: number;
}

export interface SessionNote {
  /** Of this shape. */
  readonly version: 1;
  readonly id: string;
  readonly meeting: string;
  readonly source: Source;
  readonly sampleRate: number;
  readonly channels: number;
  /** The log in which `anchor` stands. */
  readonly epoch?: string;
  readonly anchor?: Anchor;
  /** The first frame whose words are not stored. */
  readonly start: number;
  readonly commands: KeptCommands;
}

/** Another process uses it; it was changed from outside; it was left by the sender of something else. */
export type SpoolProblem = 'locked' | 'damaged' | 'foreign';

/** Why a spool cannot be used, and what to do about it. */
export class SpoolError extends Error {
  override readonly name = 'SpoolError';
  readonly code: SpoolProblem;

  constructor(code: SpoolProblem, message: string) {
    super(message);
    this.code = code;
  }
}

export interface SpoolOptions {
  /** Names what is sent, such as a file. A spool that was left under another label is refused as `foreign`. */
  label?: string;
}

/** What is kept on disk: the session, and under which label. */
export interface Labelled {
  readonly label: string;
  readonly session: SessionNote;
}

/** Whether this is what an earlier publisher noted: it may come from another version. */
export function isLabelled(value: unknown): value is Labelled {
  const { label, session } = (value ?? {}) as Partial<Labelled>;
  return typeof label === 'string' && session?.version === 1 && typeof session.id === 'string';
}

export function checkLabel(place: string, { label: old }: Labelled, label = ''): void {
  if (old === label) return;
  throw new SpoolError('foreign', sentences.spoolOfAnotherLabel(place, old, label));
}
