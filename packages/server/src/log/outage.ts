/** What is told of a part that the hub stands on: it is away, or back. Such a status is not logged. */

import { ephemeralMessage, type Message } from '../bus/message.ts';
import { type MeetingRef, stamp } from '../lib/meeting.ts';

export type OutageStatus = 'degraded' | 'recovered';

const sentences = {
  storage: {
    degraded: 'words are heard but cannot be stored now; they follow when the store is back',
    recovered: 'the store is back; every word is stored',
  },
  redis: {
    degraded: 'this node cannot reach the others now; what is said there may come a second late',
    recovered: 'this node reaches the others again; nothing is missing',
  },
} as const;

export const outageStatusOf = (meeting: MeetingRef, part: keyof typeof sentences, status: OutageStatus) => ({
  type: 'status' as const,
  ...stamp(meeting),
  status,
  message: sentences[part][status],
  details: { part },
});

/** For this node's own connections: nobody else is cut off with it. */
export const isolationMessage = (meeting: MeetingRef, status: OutageStatus): Message =>
  ephemeralMessage(outageStatusOf(meeting, 'redis', status));
