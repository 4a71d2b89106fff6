/** Failures that callers tell apart. */

/** A write on behalf of an ingest claim that another claim has replaced. */
export class StaleFenceError extends Error {
  override readonly name = 'StaleFenceError';
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
