/** One meeting's ordered entries: append, then announce; read. */
import type { EphemeralEvent, LogEntry, LoggedEvent, Source } from '@meetcast/protocol';
import type { Bus } from './bus/bus.ts';
import { type MeetingRef, stamp } from './meeting.ts';
import { ephemeralMessage, loggedMessage, type Message } from './message.ts';
import type { Observe } from './observer.ts';
import type { Outbox } from './outbox.ts';
import type { Head, Logged, LogPage, Reach, Retraction, Store } from './store/store.ts';

export interface LogContext {
  readonly store: Store;
  readonly outbox: Outbox;
  readonly bus: Bus;
  readonly observe: Observe;
}

/** How far back an entry is looked for that an earlier try may have kept. */
const recentEntries = 100;

/**
 * What changes the log, or has to see it after its changes, waits in the outbox for its turn, however long the store is
 * away. `head` and `read` ask the store at once, and reject while it cannot answer.
 */
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
   * Resolves when the entry is kept. Who hears of it, hears of it after that; `onDelay` is called once if it takes
   * noticeably long.
   */
  async append(entry: LogEntry, reach?: Reach, onDelay?: () => void, raw?: string): Promise<Message> {
    const text = JSON.stringify(entry);
    // A final needs no look: its number names it.
    const isNamed = entry.type === 'transcript.final';
    const write = async (isRetry: boolean) =>
      (isRetry && !isNamed && (await this.#kept(text))) ||
      this.#store.append(this.meeting, entry, reach, raw);
    const logged = await this.#outbox.write(this.meeting, Buffer.byteLength(text), write, onDelay);
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
    const message = loggedMessage(await this.#inTurn(() => this.#store.retract(this.meeting, what, ts)));
    this.#announce(message);
    return message;
  }

  /** Shows an event that is not kept. */
  show(event: EphemeralEvent): Message {
    const message = ephemeralMessage(event);
    this.#announce(message);
    return message;
  }

  /** A promise to wait for when too much waits for the store. */
  get room(): Promise<void> | undefined {
    return this.#outbox.room;
  }

  /** Moves a source's fence and coverage on, after what was appended before, and says how far it is covered. */
  cover(reach: Reach): Promise<number> {
    return this.#inTurn(() => this.#store.cover(this.meeting, reach));
  }

  covered(source: Source): Promise<number> {
    return this.#inTurn(() => this.#store.covered(this.meeting, source));
  }

  /** The head after what was appended before. */
  settledHead(): Promise<Head> {
    return this.#inTurn(() => this.#store.head(this.meeting));
  }

  head(): Promise<Head> {
    return this.#store.head(this.meeting);
  }

  read(after: number, limit: number): Promise<LogPage> {
    return this.#store.read(this.meeting, after, limit);
  }

  #inTurn<T>(ask: () => Promise<T>): Promise<T> {
    return this.#outbox.write(this.meeting, 0, ask);
  }

  /** An entry that an earlier try kept, though its answer was lost. */
  async #kept(text: string): Promise<Logged | undefined> {
    const { seq } = await this.head();
    const { epoch, events } = await this.read(Math.max(0, seq - recentEntries), recentEntries);
    const event = events.find((there) => textOf(there) === text);
    return event && { epoch, event };
  }

  // The bus is a hint: a viewer who misses it finds the entry in the log.
  #announce(message: Message): void {
    this.#bus.publish(this.meeting, message).catch((error: unknown) => {
      this.#observe({ type: 'error', stage: 'bus', meeting: this.meeting, error });
    });
  }
}

const textOf = ({ seq: _seq, ...entry }: LoggedEvent): string => JSON.stringify(entry);
