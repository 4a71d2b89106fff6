/** What a new publisher takes over from the session that a spool holds. */
import * as sentences from '../sentences.ts';
import { type Left, type SessionNote, SpoolError } from './spool.ts';

/** What must not change in the middle of a session. */
export type Sending = Pick<SessionNote, 'meeting' | 'source' | 'sampleRate' | 'channels'>;

export interface Resumed extends SessionNote {
  /** Behind the last frame that was taken. */
  readonly end: number;
  /** On the meeting's clock, as far as it is known. */
  readonly durableMs: number;
}

export function checkLeft({ session, takenBytes }: Left, sending: Sending): Resumed {
  const [old, now] = [named(session), named(sending)];
  if (old !== now) throw new SpoolError('foreign', sentences.spoolOfAnotherSession(old, now));
  const { anchor, start, sampleRate, channels } = session;
  const durableMs = anchor ? anchor.ms + ((start - anchor.frame) * 1000) / sampleRate : 0;
  return { ...session, end: takenBytes / (channels * 2), durableMs };
}

const named = ({ meeting, source, sampleRate, channels }: Sending): string =>
  `"${source}" of ${meeting} at ${sampleRate} Hz with ${channels} channel(s)`;
