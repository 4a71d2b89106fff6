/** What can be watched: a typed union. An observer returns nothing, and a throw inside it changes nothing. */
import type { CloseWord, Source } from '@meetcast/protocol';
import type { Authenticator } from '../auth/authenticator.ts';
import { isNamed } from '../lib/errors.ts';
import type { MeetingRef } from '../lib/meeting.ts';
import type { RemoteState } from '../lib/remote.ts';
import type { RecognizerState } from '../recognizer/recognizer.ts';

/** The steps of an ingest, as they appear in logs. */
export type IngestStep =
  | 'connected'
  | 'handshake_complete'
  | 'pcm_streaming'
  | 'draining'
  | 'cleanup_complete';

/**
 * What becomes of audio that nobody has heard: it is kept, and then heard late, sent again by its sender, or let go
 * because its meeting was forgotten, or a bound is reached.
 */
export type UnheardState = 'kept' | 'heard' | 'sent_again' | 'forgotten' | 'too_old' | 'too_much';

export type HubEvent =
  | { type: 'ingest'; step: IngestStep; connection: string; meeting: MeetingRef; source?: Source }
  | { type: 'subscriber'; state: string; connection: string; meeting: MeetingRef }
  | { type: 'closed'; connection: string; word: CloseWord; message: string }
  | {
      type: 'final';
      meeting: MeetingRef;
      source: Source | undefined;
      seq: number;
      /** The audio its source had sent after these words when they were stored; of words that the hub heard itself. */
      lagMs?: number;
    }
  | {
      type: 'gap';
      meeting: MeetingRef;
      source: Source;
      seq: number;
      /** Milliseconds on the meeting's clock. */
      startMs: number;
      endMs: number;
      cause: string;
    }
  | {
      type: 'unheard';
      state: UnheardState;
      meeting: MeetingRef;
      source: Source;
      bytes: number;
      /** Milliseconds on the meeting's clock. */
      startMs: number;
      endMs: number;
    }
  | {
      type: 'recognizer';
      state: RecognizerState['state'];
      meeting: MeetingRef;
      source: Source;
      /** One sentence. */
      reason: string;
    }
  | { type: 'remote'; part: 'bus' | 'registry'; state: RemoteState; error?: Error }
  | { type: 'error'; stage: ErrorStage; meeting?: MeetingRef; error: unknown };

export const errorStages = [
  'auth',
  'subscriber',
  'ingest',
  'store',
  'bus',
  'http',
  'late',
  'recovery',
] as const;

/** Where something failed. */
export type ErrorStage = (typeof errorStages)[number];

export type Observe = (event: HubEvent) => void;

/** An observer that cannot disturb the hub. */
export function safely(observe: Observe | undefined): Observe {
  if (!observe) return () => {};
  return (event) => {
    try {
      observe(event);
    } catch {
      // Observers watch; a broken one must not end a meeting.
    }
  };
}

/** An authenticator whose own failures are seen: what it says of a token is shown to the client and is no failure. */
export function observed(authenticate: Authenticator, observe: Observe): Authenticator {
  return async (token) => {
    try {
      return await authenticate(token);
    } catch (error) {
      if (!isNamed('AuthError', error)) observe({ type: 'error', stage: 'auth', error });
      throw error;
    }
  };
}
