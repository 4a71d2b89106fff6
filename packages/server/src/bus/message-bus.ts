/** What is said of a meeting: to whoever listens on this node, and to the other nodes by a bus of bytes. */
import { randomBytes } from 'node:crypto';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import type { Observe } from '../watch/observer.ts';
import type { Bus, Unsubscribe } from './bus.ts';
import { isFrom, readEnvelope, writeEnvelope } from './envelope.ts';
import type { Message } from './message.ts';

type Listener = (message: Message) => void;

/** A meeting's listeners on this node, with one subscription of the bus. */
interface Listeners {
  readonly meeting: MeetingRef;
  /** Each an object of its own, so that the same function may listen twice. */
  readonly all: Set<{ readonly hear: Listener }>;
  subscription: Promise<Unsubscribe> | undefined;
}

/** Here a message goes by hand, as it is; only what crosses to other nodes is encoded, once. */
export class MessageBus {
  readonly #bus: Bus | undefined;
  readonly #observe: Observe;
  /** Names this node among the others; new with every start. */
  readonly #node = randomBytes(9).toString('base64url');
  readonly #meetings = new Map<string, Listeners>();

  /** Without a bus there are no other nodes. */
  constructor(bus: Bus | undefined, observe: Observe) {
    this.#bus = bus;
    this.#observe = observe;
  }

  publish(meeting: MeetingRef, message: Message): void {
    const here = this.#meetings.get(meetingKey(meeting));
    if (here) this.#tell(here, message);
    if (this.#bus) void this.#send(this.#bus, meeting, message);
  }

  /** Resolves once messages will arrive, those of other nodes too. A failed one leaves nothing behind. */
  async subscribe(meeting: MeetingRef, listener: Listener): Promise<Unsubscribe> {
    const key = meetingKey(meeting);
    const there: Listeners = this.#meetings.get(key) ?? { meeting, all: new Set(), subscription: undefined };
    this.#meetings.set(key, there);
    const own = { hear: listener };
    there.all.add(own);
    try {
      // The bus may bring messages before it has answered.
      there.subscription ??= this.#bus?.subscribe(meeting, (bytes) => this.#hear(there, bytes));
      const unsubscribe = await there.subscription;
      return async () => {
        if (!there.all.delete(own) || there.all.size > 0) return;
        this.#forget(there);
        await unsubscribe?.();
      };
    } catch (error) {
      this.#forget(there);
      throw error;
    }
  }

  async #send(bus: Bus, meeting: MeetingRef, message: Message): Promise<void> {
    try {
      await bus.publish(meeting, writeEnvelope(this.#node, message));
    } catch (error) {
      this.#observe({ type: 'error', stage: 'bus', meeting, error });
    }
  }

  /** Who comes from now on subscribes anew. */
  #forget(there: Listeners): void {
    const key = meetingKey(there.meeting);
    if (this.#meetings.get(key) === there) this.#meetings.delete(key);
  }

  #hear(there: Listeners, bytes: Uint8Array): void {
    if (isFrom(this.#node, bytes)) return; // It has been told already.
    const message = readEnvelope(bytes)?.message;
    if (message) return this.#tell(there, message);
    const error = new Error('the bus brought what no hub has sent');
    this.#observe({ type: 'error', stage: 'bus', meeting: there.meeting, error });
  }

  #tell({ meeting, all }: Listeners, message: Message): void {
    for (const { hear } of [...all]) {
      try {
        hear(message);
      } catch (error) {
        // One listener's failure is not the publisher's, nor another listener's.
        this.#observe({ type: 'error', stage: 'bus', meeting, error });
      }
    }
  }
}
