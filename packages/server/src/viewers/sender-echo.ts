/** The senders of this node in their meetings: what each of them hears beside the answers to itself. */
import type { Message } from '../bus/message.ts';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Observe } from '../watch/observer.ts';

export type Hear = (message: Message) => void;

/**
 * A sender hears what it says itself, at once and in its order, whatever the bus does with it; what is taken back, by
 * whomever, for its screen may show those words; and how this node is. It hears no other source, and nothing that others
 * say of its own: a host, or whoever hears late what an earlier session sent.
 */
export class SenderEcho {
  readonly #observe: Observe;
  /** By meeting, and there by the log through which each of them speaks. */
  readonly #meetings = new Map<string, Map<TranscriptLog, Hear>>();

  constructor(observe: Observe) {
    this.#observe = observe;
  }

  /** The meetings that somebody here sends. */
  get meetings(): MeetingRef[] {
    return [...this.#meetings.values()].flatMap((there) => [...there.keys()].slice(0, 1)).map(meetingOf);
  }

  /** From now on `hear` is called with what is said through this log, and with the rest. The returned function ends that. */
  enter(log: TranscriptLog, hear: Hear): () => void {
    const key = meetingKey(log.meeting);
    const there = this.#meetings.get(key) ?? new Map<TranscriptLog, Hear>();
    this.#meetings.set(key, there.set(log, hear));
    log.echo = hear;
    const failed = (error: unknown) =>
      this.#observe({ type: 'error', stage: 'bus', meeting: log.meeting, error });
    const listening = log.listen((message) => {
      if (message.type === 'retract') hear(message);
    });
    listening.catch(failed);
    return () => {
      if (!there.delete(log)) return;
      log.echo = undefined;
      if (there.size === 0) this.#meetings.delete(key);
      listening.then(
        (unsubscribe) => unsubscribe().catch(failed),
        () => {}, // It was told.
      );
    };
  }

  /** Tells every sender of the meeting. */
  show(meeting: MeetingRef, message: Message): void {
    for (const hear of this.#meetings.get(meetingKey(meeting))?.values() ?? []) hear(message);
  }
}

const meetingOf = ({ meeting }: TranscriptLog): MeetingRef => meeting;
