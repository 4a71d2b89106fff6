/** A meeting's log on the adapters of a test. */
import type { Bus } from '../../src/bus/bus.ts';
import type { MeetingRef } from '../../src/lib/meeting.ts';
import { Outbox, type OutboxOptions } from '../../src/log/outbox.ts';
import { type Echo, TranscriptLog } from '../../src/log/transcript-log.ts';
import type { Store } from '../../src/store/store.ts';
import type { Observe } from '../../src/watch/observer.ts';

export const outboxWith = (changes: Partial<OutboxOptions> = {}): Outbox =>
  new Outbox({ maxBytes: 1_000_000, slowMs: 60_000, onChange: () => {}, onFailure: () => {}, ...changes });

export const logOf = (
  meeting: MeetingRef,
  store: Store,
  bus: Bus,
  outbox = outboxWith(),
  observe: Observe = () => {},
  echo: Echo = () => {},
): TranscriptLog => new TranscriptLog(meeting, { store, outbox, bus, observe, echo });
