/** The logs of all meetings on this node, with the one outbox that their writes wait in. */
import type { MessageBus } from '../bus/message-bus.ts';
import type { Limits } from '../lib/limits.ts';
import type { MeetingRef } from '../lib/meeting.ts';
import type { Store } from '../store/store.ts';
import type { Observe } from '../watch/observer.ts';
import type { OutageStatus } from './outage.ts';
import { Outbox } from './outbox.ts';
import { TranscriptLog } from './transcript-log.ts';

export interface LogsContext {
  readonly store: Store;
  readonly bus: MessageBus;
  readonly limits: Pick<Limits, 'outboxBytes' | 'slowWriteMs'>;
  readonly observe: Observe;
  /** A meeting's writes wait, or none of them waits any longer. */
  onStorage(meeting: MeetingRef, status: OutageStatus): void;
}

export class Logs {
  readonly outbox: Outbox;
  readonly #context: LogsContext;

  constructor(context: LogsContext) {
    const { limits, observe, onStorage } = context;
    this.#context = context;
    this.outbox = new Outbox({
      maxBytes: limits.outboxBytes,
      slowMs: limits.slowWriteMs,
      onChange: onStorage,
      onFailure: (meeting, error) => observe({ type: 'error', stage: 'store', meeting, error }),
    });
  }

  of(meeting: MeetingRef): TranscriptLog {
    const { store, bus, observe } = this.#context;
    return new TranscriptLog(meeting, { store, outbox: this.outbox, bus, observe });
  }
}
