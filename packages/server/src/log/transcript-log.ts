/** One meeting's ordered entries: append, then announce; read. */
import type { EphemeralEvent, LogEntry, LoggedEvent, Source } from '@meetcast/protocol';
import type { Unsubscribe } from '../bus/bus.ts';
import { ephemeralMessage, loggedMessage, type Message } from '../bus/message.ts';
import type { MessageBus } from '../bus/message-bus.ts';
import { type MeetingRef, stamp } from '../lib/meeting.ts';
import { present } from '../lib/present.ts';
import { isSameRetraction, retractionEntry } from '../store/retractions.ts';
import type {
  AppendOptions,
  Head,
  LastSession,
  Logged,
  LogPage,
  Reach,
  Retraction,
  Store,
} from '../store/store.ts';
import { isSameUtterance } from '../store/utterance.ts';
import type { Observe } from '../watch/observer.ts';
import type { Outbox } from './outbox.ts';

export interface LogContext {
  readonly store: Store;
  readonly outbox: Outbox;
  readonly bus: MessageBus;
  readonly observe: Observe;
}

/** What goes with an entry. Once the meeting was forgotten, one with an `epoch` is rejected with a `StaleEpochError`. */
export interface Appending extends AppendOptions {
  /** Called once if it takes noticeably long until the entry is kept. */
  readonly onDelay?: (() => void) | undefined;
  /**
   * Gives another `segment_no`, for a final whose number the log already has for another utterance: nodes that could not
   * reach each other may give the same number. Without it such a final is not added.
   */
  readonly renumber?: (() => Promise<number>) | undefined;
  /** Kept in its place, and in its turn, if the store can never take it. */
  readonly instead?: (() => LogEntry) | undefined;
  /** Of the audio that the entry is from: how far on the meeting's clock that has come. */
  readonly clock?: { readonly receivedMs: number } | undefined;
}

/** How far back an entry is looked for that an earlier try may have kept. */
const recentEntries = 100;

/**
 * What changes the log, or has to see it after its changes, waits in the outbox for its turn, however long the store is
 * away. `head` and `read` ask the store at once, and reject while it cannot answer.
 */
export class TranscriptLog {
  readonly meeting: MeetingRef;
  /** What its writes wait in. */
  readonly outbox: Outbox;
  /** Hears whatever is said through this log, before the bus has it. Never throws. */
  echo: ((message: Message) => void) | undefined;
  readonly #store: Store;
  readonly #bus: MessageBus;
  readonly #observe: Observe;

  constructor(meeting: MeetingRef, { store, outbox, bus, observe }: LogContext) {
    this.meeting = meeting;
    this.#store = store;
    this.outbox = outbox;
    this.#bus = bus;
    this.#observe = observe;
  }

  /** Resolves when the entry is kept. Who hears of it, hears of it after that. */
  async append(
    entry: LogEntry,
    { onDelay, renumber, instead, clock, ...options }: Appending = {},
  ): Promise<Message> {
    const text = JSON.stringify(entry);
    let current = entry;
    const write = async (isRetry: boolean): Promise<Logged> => {
      // A final needs no look: its number names it.
      const kept =
        isRetry && entry.type !== 'transcript.final'
          ? await this.#kept((there) => textOf(there) === text)
          : undefined;
      if (kept) return kept;
      for (;;) {
        const logged = await this.#store.append(this.meeting, current, options);
        if (!renumber || current.type !== 'transcript.final') return logged;
        if (isSameUtterance(current, logged.event)) return logged;
        current = { ...current, segment_no: await renumber() };
      }
    };
    const logged = await this.outbox.write(this.meeting, write, {
      bytes: Buffer.byteLength(text),
      onDelay,
      instead: instead && this.#instead(instead, options),
    });
    const message = loggedMessage(logged);
    this.#announce(message);
    this.#report(logged.event, message.source, clock?.receivedMs);
    return message;
  }

  /** What is tried for an entry that the store can never take. */
  #instead(other: () => LogEntry, { reach, epoch }: AppendOptions): (isRetry: boolean) => Promise<Logged> {
    let entry: LogEntry | undefined;
    return async (isRetry) => {
      entry ??= other();
      const text = JSON.stringify(entry);
      const kept = isRetry ? await this.#kept((there) => textOf(there) === text) : undefined;
      return kept ?? this.#store.append(this.meeting, entry, { reach, epoch });
    };
  }

  /** Takes text back, then says so. */
  async retract(what: Retraction): Promise<Message> {
    const { ts } = stamp(this.meeting);
    const entry = retractionEntry({ meetingId: this.meeting.id, ts }, what);
    const retract = async (isRetry: boolean): Promise<Logged> => {
      const kept = isRetry ? await this.#kept((there) => isSameRetraction(there, entry)) : undefined;
      return kept ?? this.#store.retract(this.meeting, what, ts);
    };
    const message = loggedMessage(await this.#queue(retract));
    this.#announce(message);
    return message;
  }

  /** Shows an event that is not kept. */
  show(event: EphemeralEvent): Message {
    const message = ephemeralMessage(event);
    this.#announce(message);
    return message;
  }

  /** Hears what is said of the meeting, as far as the bus carries it; the returned function ends that. */
  listen(listener: (message: Message) => void): Promise<Unsubscribe> {
    return this.#bus.subscribe(this.meeting, listener);
  }

  /** Moves a source's fence and coverage on, after what was appended before, and says how far it is covered. */
  cover(reach: Reach, epoch?: string): Promise<number> {
    return this.#queue(() => this.#store.cover(this.meeting, reach, epoch));
  }

  covered(source: Source): Promise<number> {
    return this.#queue(() => this.#store.covered(this.meeting, source));
  }

  lastSession(source: Source): Promise<LastSession | undefined> {
    return this.#queue(() => this.#store.lastSession(this.meeting, source));
  }

  /** The head after what was appended before. */
  settledHead(): Promise<Head> {
    return this.#queue(() => this.#store.head(this.meeting));
  }

  head(): Promise<Head> {
    return this.#store.head(this.meeting);
  }

  read(after: number, limit: number): Promise<LogPage> {
    return this.#store.read(this.meeting, after, limit);
  }

  #queue<T>(ask: (isRetry: boolean) => Promise<T>): Promise<T> {
    return this.outbox.write(this.meeting, ask);
  }

  /** An entry that an earlier try kept, though its answer was lost. */
  async #kept(isIt: (there: LoggedEvent) => boolean): Promise<Logged | undefined> {
    const { seq } = await this.head();
    const { epoch, events } = await this.read(Math.max(0, seq - recentEntries), recentEntries);
    const event = events.find(isIt);
    return event && { epoch, event };
  }

  #report(event: LoggedEvent, source: Source | undefined, receivedMs: number | undefined): void {
    const { meeting } = this;
    const { seq } = event;
    if (event.type === 'gap') {
      const { source, start_ms: startMs, end_ms: endMs, cause } = event;
      this.#observe({ type: 'gap', meeting, source, seq, startMs, endMs, cause });
    }
    if (event.type !== 'transcript.final') return;
    const lagMs = receivedMs === undefined ? undefined : Math.max(0, receivedMs - event.end_ms);
    this.#observe({ type: 'final', meeting, source, seq, ...present({ lagMs }) });
  }

  /** A hint: a viewer who misses it finds the entry in the log. */
  #announce(message: Message): void {
    this.echo?.(message);
    this.#bus.publish(this.meeting, message);
  }
}

const textOf = ({ seq: _seq, ...entry }: LoggedEvent): string => JSON.stringify(entry);
