/** Says in the log that audio has no words: the one writer of gaps. */
import type { Gap } from '@meetcast/protocol';
import type { Message } from '../bus/message.ts';
import { stamp } from '../lib/meeting.ts';
import type { Appending, TranscriptLog } from './transcript-log.ts';

/** Which audio, on the meeting's clock, and why it has no words. */
export type Missing = Pick<Gap, 'source' | 'start_ms' | 'end_ms' | 'cause'>;

/** Under the fence of `reach`, if there is one: it is refused once somebody else has begun the source. */
export function logGap(
  log: TranscriptLog,
  { source, start_ms, end_ms, cause }: Missing,
  appending: Pick<Appending, 'reach' | 'epoch'> = {},
): Promise<Message> {
  return log.append({ type: 'gap', ...stamp(log.meeting), source, start_ms, end_ms, cause }, appending);
}
