/** The logs of all meetings on this node, with the one outbox that their writes wait in. */
import type { Limits } from '../lib/limits.ts';
import type { MeetingRef } from '../lib/meeting.ts';
import type { OutageStatus } from './outage.ts';
import { Outbox } from './outbox.ts';
import { type LogContext, TranscriptLog } from './transcript-log.ts';

export interface LogsContext extends Omit<LogContext, 'outbox'> {
  readonly limits: Pick<Limits, 'outboxBytes' | 'slowWriteMs'>;
  /** A meeting's writes wait, or none of them waits any longer. */
  onStorage(meeting: MeetingRef, status: OutageStatus): void;
}

export interface Logs {
  readonly outbox: Outbox;
  log(meeting: MeetingRef): TranscriptLog;
}

export function openLogs({ store, bus, observe, limits, onStorage }: LogsContext): Logs {
  const outbox = new Outbox({
    maxBytes: limits.outboxBytes,
    slowMs: limits.slowWriteMs,
    onChange: onStorage,
    onFailure: (meeting, error) => observe({ type: 'error', stage: 'store', meeting, error }),
  });
  return { outbox, log: (meeting) => new TranscriptLog(meeting, { store, outbox, bus, observe }) };
}
