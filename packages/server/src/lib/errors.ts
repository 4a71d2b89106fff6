/** Failures that callers tell apart. */
import type { CloseWord } from '@meetcast/protocol';
import { closeText } from './sentences.ts';

/** A write on behalf of an ingest claim that another claim has replaced. */
export class StaleFenceError extends Error {
  override readonly name = 'StaleFenceError';
  /** The fence of the claim that replaced it. */
  readonly fence: number;

  constructor(message: string, fence: number) {
    super(message);
    this.fence = fence;
  }
}

/** A write for a log that the meeting no longer has: it was forgotten. */
export class StaleEpochError extends Error {
  override readonly name = 'StaleEpochError';
}

/** An entry that the database takes offence at, and would again: the fault is in what was written. */
export class EntryRefusedError extends Error {
  override readonly name = 'EntryRefusedError';
}

/** Why a recognizer refused a stream or stopped in its middle. `message` is safe to show to the sender. */
export class RecognizerError extends Error {
  override readonly name = 'RecognizerError';
  /** Whether the same audio may be accepted later. */
  readonly retryable: boolean;
  /** The HTTP status of a refused handshake, or the close code of a lost stream. */
  readonly code: number | undefined;

  constructor(message: string, options: { retryable: boolean; code?: number; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.retryable = options.retryable;
    this.code = options.code;
  }
}

/** A token that opens nothing. `message` is safe to show. */
export class AuthError extends Error {
  override readonly name = 'AuthError';
}

interface Named {
  StaleFenceError: StaleFenceError;
  StaleEpochError: StaleEpochError;
  EntryRefusedError: EntryRefusedError;
  RecognizerError: RecognizerError;
  AuthError: AuthError;
}

/**
 * Tells failures apart by name rather than by class: two copies of this package may meet in one process, one loaded as
 * a module and one as CommonJS.
 */
export function isNamed<N extends keyof Named>(name: N, error: unknown): error is Named[N] {
  return error instanceof Error && error.name === name;
}

/** A write that was refused because somebody else, or another log, has taken its place: a retry would be too. */
export const isStale = (error: unknown): boolean =>
  isNamed('StaleFenceError', error) || isNamed('StaleEpochError', error);

/** Why a session ends when its words stop, as its sender is told. */
export function reasonOf(error: unknown): [CloseWord, string] {
  if (isNamed('StaleFenceError', error)) return ['superseded', closeText.superseded];
  if (isNamed('RecognizerError', error)) return ['recognizer_unavailable', error.message];
  return ['internal_error', closeText.failedInMeeting];
}
