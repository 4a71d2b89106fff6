/** One meeting's ordered entries: append, then announce; read. */
import type { EphemeralEvent, LogEntry, Source } from '@meetcast/protocol';
import type { Bus } from './bus/bus.ts';
import type { MeetingRef } from './meeting.ts';
import { ephemeralMessage, loggedMessage, type Message } from './message.ts';
import type { Observe } from './observer.ts';
import type { Head, LogPage, Reach, Store } from './store/store.ts';

export class TranscriptLog {
  readonly meeting: MeetingRef;
  readonly #store: Store;
  readonly #bus: Bus;
  readonly #observe: Observe;

  constructor(meeting: MeetingRef, store: Store, bus: Bus, observe: Observe) {
    this.meeting = meeting;
    this.#store = store;
    this.#bus = bus;
    this.#observe = observe;
  }

  /** Resolves when the entry is kept. Who hears of it, hears of it after that. */
  async append(entry: LogEntry, reach?: Reach): Promise<Message> {
    const logged = await this.#store.append(this.meeting, entry, reach);
    const message = loggedMessage(logged);
    this.#announce(message);
    if (logged.event.type === 'transcript.final') {
      this.#observe({ type: 'final', meeting: this.meeting, source: message.source, seq: message.seq });
    }
    return message;
  }

  /** Shows an event that is not kept. */
  show(event: EphemeralEvent): Message {
    const message = ephemeralMessage(event);
    this.#announce(message);
    return message;
  }

  /** Moves a source's coverage on, and answers with it. */
  cover(reach: Reach): Promise<number> {
    return this.#store.cover(this.meeting, reach);
  }

  covered(source: Source): Promise<number> {
    return this.#store.covered(this.meeting, source);
  }

  head(): Promise<Head> {
    return this.#store.head(this.meeting);
  }

  read(after: number, limit: number): Promise<LogPage> {
    return this.#store.read(this.meeting, after, limit);
  }

  // The bus is a hint: a viewer who misses it finds the entry in the log.
  #announce(message: Message): void {
    this.#bus.publish(this.meeting, message).catch((error: unknown) => {
      this.#observe({ type: 'error', stage: 'bus', meeting: this.meeting, error });
    });
  }
}
