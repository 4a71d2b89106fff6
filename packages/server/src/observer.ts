/** What can be watched: a typed union. An observer returns nothing, and a throw inside it changes nothing. */
import type { CloseWord, Source } from '@meetcast/protocol';
import type { MeetingRef } from './meeting.ts';

/** The steps of an ingest, as they appear in logs. */
export type IngestStep =
  | 'connected'
  | 'handshake_complete'
  | 'pcm_streaming'
  | 'draining'
  | 'cleanup_complete';

export type HubEvent =
  | { type: 'ingest'; step: IngestStep; connection: string; meeting: MeetingRef; source?: Source }
  | { type: 'subscriber'; state: string; connection: string; meeting: MeetingRef }
  | { type: 'closed'; connection: string; word: CloseWord; message: string }
  | { type: 'final'; meeting: MeetingRef; source: Source | undefined; seq: number }
  | { type: 'error'; stage: ErrorStage; meeting?: MeetingRef; error: unknown };

type ErrorStage = 'auth' | 'subscriber' | 'ingest' | 'store' | 'bus' | 'http';

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
