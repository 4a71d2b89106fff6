/** How nodes tell each other about a meeting: the contract of every bus. */
import type { MeetingRef } from '../lib/meeting.ts';
import type { Remote } from '../lib/remote.ts';
import type { Message } from './message.ts';

/** Ends a subscription. */
export type Unsubscribe = () => Promise<void>;

/**
 * Carries messages between nodes, this one included. It is a hint, not a record: it may lose, repeat or reorder
 * them, because whoever sees a hole reads the log.
 *
 * - `subscribe` resolves once messages will arrive. A failed one leaves nothing behind.
 * - A listener that throws disturbs neither the publisher nor other listeners.
 * - A bus that is cut off still carries messages between the listeners of its own node, and still lets them subscribe.
 */
export interface Bus {
  publish(meeting: MeetingRef, message: Message): Promise<void>;
  subscribe(meeting: MeetingRef, listener: (message: Message) => void): Promise<Unsubscribe>;
  close(): Promise<void>;
  /** Whether it reaches other nodes; a bus for one node has none. */
  readonly remote?: Remote;
}
