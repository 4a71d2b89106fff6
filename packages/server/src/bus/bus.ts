/** How nodes tell each other about a meeting: the contract of every bus. */
import type { MeetingRef } from '../lib/meeting.ts';
import type { Remote } from '../lib/remote.ts';

/** Ends a subscription. */
export type Unsubscribe = () => Promise<void>;

/**
 * Carries bytes from node to node, and need not know what is in them. It is a hint, not a record: it may lose, repeat or
 * reorder them, because whoever sees a hole reads the log. What arrives is checked, and ignored if no hub has sent it.
 *
 * - Bytes arrive as they were published, each message by itself. Neither side changes them afterwards.
 * - A node may hear what it published itself, or not: its own viewers have been told already.
 * - `subscribe` resolves once messages will arrive. A failed one leaves nothing behind.
 * - A listener that throws disturbs neither the publisher nor other listeners.
 * - A bus that is isolated still lets them subscribe: they hear the other nodes again once it is back.
 */
export interface Bus {
  publish(meeting: MeetingRef, bytes: Uint8Array): Promise<void>;
  subscribe(meeting: MeetingRef, listener: (bytes: Uint8Array) => void): Promise<Unsubscribe>;
  close(): Promise<void>;
  /** Whether it reaches other nodes; a bus for one process has none. */
  readonly remote?: Remote;
}
