/** What the log says of audio that has no words: the one maker of gaps. */
import type { Gap, LogEntry } from '@meetcast/protocol';
import type { Message } from '../bus/message.ts';
import { type MeetingRef, stamp } from '../lib/meeting.ts';
import type { Appending, TranscriptLog } from './transcript-log.ts';

/** Which audio, on the meeting's clock, and why it has no words. */
export type Missing = Pick<Gap, 'source' | 'start_ms' | 'end_ms' | 'cause'>;

export const gapEntry = (meeting: MeetingRef, { source, start_ms, end_ms, cause }: Missing): LogEntry => ({
  type: 'gap',
  ...stamp(meeting),
  source,
  start_ms,
  end_ms,
  cause,
});

/** Under the fence of `reach`, if there is one: it is refused once somebody else has begun the source. */
export function logGap(
  log: TranscriptLog,
  missing: Missing,
  appending: Pick<Appending, 'reach' | 'epoch'> = {},
): Promise<Message> {
  return log.append(gapEntry(log.meeting, missing), appending);
}
