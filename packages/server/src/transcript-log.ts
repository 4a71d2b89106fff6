/** One meeting's ordered entries: append, then announce; read. */
import type { EphemeralEvent, LogEntry, Source } from '@meetcast/protocol';
import type { Bus } from './bus/bus.ts';
import { type MeetingRef, stamp } from './meeting.ts';
import { ephemeralMessage, loggedMessage, type Message } from './message.ts';
import type { Observe } from './observer.ts';
import type { Outbox } from './outbox.ts';
import type { Head, LogPage, Reach, Retraction, Store } from './store/store.ts';

export interface LogContext {
  readonly store: Store;
  readonly outbox: Outbox;
  readonly bus: Bus;
  readonly observe: Observe;
}

export class TranscriptLog {
  readonly meeting: MeetingRef;
  readonly #store: Store;
  readonly #outbox: Outbox;
  readonly #bus: Bus;
  readonly #observe: Observe;

  constructor(meeting: MeetingRef, { store, outbox, bus, observe }: LogContext) {
    this.meeting = meeting;
    this.#store = store;
    this.#outbox = outbox;
    this.#bus = bus;
    this.#observe = observe;
  }

  /**
   * Resolves when the entry is kept, however long the store is away. Who hears of it, hears of it after that; `onDelay`
   * is called once if that takes noticeably long.
   */
  async append(entry: LogEntry, reach?: Reach, onDelay?: () => void): Promise<Message> {
    const bytes = JSON.stringify(entry).length;
    const write = () => this.#store.append(this.meeting, entry, reach);
    const logged = await this.#outbox.write(this.meeting, bytes, write, onDelay);
    const message = loggedMessage(logged);
    this.#announce(message);
    if (logged.event.type === 'transcript.final') {
      this.#observe({ type: 'final', meeting: this.meeting, source: message.source, seq: message.seq });
    }
    return message;
  }

  /** Takes text back, then says so. */
  async retract(what: Retraction): Promise<Message> {
    const { ts } = stamp(this.meeting);
    const write = () => this.#store.retract(this.meeting, what, ts);
    const message = loggedMessage(await this.#outbox.write(this.meeting, 0, write));
    this.#announce(message);
    return message;
  }

  /** Shows an event that is not kept. */
  show(event: EphemeralEvent): Message {
    const message = ephemeralMessage(event);
    this.#announce(message);
    return message;
  }

  /** Shows a status that cannot be kept now. */
  showStatus(status: string, message: string): void {
    this.show({ type: 'status', ...stamp(this.meeting), status, message });
  }

  /** A promise to wait for when too much waits for the store. */
  get room(): Promise<void> | undefined {
    return this.#outbox.room;
  }

  /** Moves a source's coverage on, after what was appended before. */
  cover(reach: Reach): Promise<number> {
    return this.#outbox.write(this.meeting, 0, () => this.#store.cover(this.meeting, reach));
  }

  /** Takes a source over: its place, now. Rejects while the store is away. */
  takeOver(reach: Reach): Promise<number> {
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
