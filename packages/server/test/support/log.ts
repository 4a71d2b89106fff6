/** A meeting's log on the adapters of a test. */
import type { Bus } from '../../src/bus/bus.ts';
import { MessageBus } from '../../src/bus/message-bus.ts';
import type { MeetingRef } from '../../src/lib/meeting.ts';
import { Outbox, type OutboxOptions } from '../../src/log/outbox.ts';
import { TranscriptLog } from '../../src/log/transcript-log.ts';
import type { Store } from '../../src/store/store.ts';
import type { Observe } from '../../src/watch/observer.ts';

export const outboxWith = (changes: Partial<OutboxOptions> = {}): Outbox =>
  new Outbox({ maxBytes: 1_000_000, slowMs: 60_000, onChange: () => {}, onFailure: () => {}, ...changes });

/** What a node says and hears; without a bus, by itself. */
export const messageBus = (bus?: Bus, observe: Observe = () => {}): MessageBus =>
  new MessageBus(bus, observe);

export function logOf(
  meeting: MeetingRef,
  store: Store,
  bus: MessageBus,
  outbox = outboxWith(),
  observe: Observe = () => {},
  echo?: TranscriptLog['echo'],
): TranscriptLog {
  const log = new TranscriptLog(meeting, { store, outbox, bus, observe });
  log.echo = echo;
  return log;
}
