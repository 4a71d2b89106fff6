/** What is told of a part that the hub stands on: it is away, or back. Such a status is not logged. */

import { ephemeralMessage, type Message } from '../bus/message.ts';
import { type MeetingRef, stamp } from '../lib/meeting.ts';
import { outageText } from '../lib/sentences.ts';

export type OutageStatus = 'degraded' | 'recovered';

export const outageStatusOf = (meeting: MeetingRef, part: keyof typeof outageText, status: OutageStatus) => ({
  type: 'status' as const,
  ...stamp(meeting),
  status,
  message: outageText[part][status],
  details: { part },
});

/** For this node's own connections: nobody else is isolated with it. */
export const isolationMessage = (meeting: MeetingRef, status: OutageStatus): Message =>
  ephemeralMessage(outageStatusOf(meeting, 'redis', status));
