/** How nodes tell each other about a meeting: the contract of every bus. */
import type { MeetingRef } from '../meeting.ts';
import type { Message } from '../message.ts';

/** Ends a subscription. */
export type Unsubscribe = () => Promise<void>;

/**
 * Carries messages between nodes, this one included. It is a hint, not a record: it may lose, repeat or reorder
 * them, because whoever sees a hole reads the log.
 *
 * - `subscribe` resolves once messages will arrive. A failed one leaves nothing behind.
 * - A listener that throws disturbs neither the publisher nor other listeners.
 */
export interface Bus {
  publish(meeting: MeetingRef, message: Message): Promise<void>;
  subscribe(meeting: MeetingRef, listener: (message: Message) => void): Promise<Unsubscribe>;
  close(): Promise<void>;
}
