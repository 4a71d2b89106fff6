/** Adapters around the in-memory ones: they count, they wait, and they lose things. */
import {
  type Bus,
  type MeetingRef,
  memoryBus,
  memoryRegistry,
  memoryStore,
  type Registry,
  type Store,
} from '@meetcast/server';
import { storeWith } from '../../packages/server/test/support/store-with.ts';

/** A door that lets nobody through until it is opened. */
export class Gate {
  /** How many wait, or have waited, before it. */
  arrived = 0;
  open: () => void = () => {};
  readonly #opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });

  async pass(): Promise<void> {
    this.arrived += 1;
    await this.#opened;
  }
}

/** A bus that counts the subscriptions it has. */
export function countingBus(inner: Bus = memoryBus()): Bus & { readonly subscriptions: number } {
  let subscriptions = 0;
  return {
    get subscriptions() {
      return subscriptions;
    },
    publish: (meeting, bytes) => inner.publish(meeting, bytes),
    async subscribe(meeting, listener) {
      subscriptions += 1;
      const unsubscribe = await inner.subscribe(meeting, listener);
      return async () => {
        subscriptions -= 1;
        await unsubscribe();
      };
    },
    close: () => inner.close(),
  };
}

/** A registry whose claims or seats wait at a gate for the meetings named `gated`. */
export function gatedRegistry(gates: { claim?: Gate; seat?: Gate }): Registry {
  const inner = memoryRegistry();
  return {
    ...inner,
    async claim(meeting, ...more) {
      if (meeting.id === 'gated') await gates.claim?.pass();
      return await inner.claim(meeting, ...more);
    },
    async seat(meeting, connection, seats) {
      if (meeting.id === 'gated') await gates.seat?.pass();
      return await inner.seat(meeting, connection, seats);
    },
  };
}

/** A store whose reads, heads or appends wait at a gate for the meetings named `gated`. */
export function gatedStore(gates: { read?: Gate; head?: Gate; append?: Gate }): Store {
  const inner = memoryStore();
  return storeWith(inner, {
    async read(meeting: MeetingRef, after: number, limit: number) {
      if (meeting.id === 'gated') await gates.read?.pass();
      return await inner.read(meeting, after, limit);
    },
    async head(meeting: MeetingRef) {
      if (meeting.id === 'gated') await gates.head?.pass();
      return await inner.head(meeting);
    },
    async append(...[meeting, entry, options]: Parameters<Store['append']>) {
      if (meeting.id === 'gated') await gates.append?.pass();
      return await inner.append(meeting, entry, options);
    },
  });
}

interface Chaos {
  /** From 0 up to 1; the same seed gives the same faults. */
  random: () => number;
  /** Shares of all messages. */
  lose: number;
  repeat: number;
  late: number;
}

/** A bus as the contract allows it: it loses, repeats and reorders. */
export function unreliableBus(chaos: Chaos): Bus {
  const inner = memoryBus();
  const timers = new Set<NodeJS.Timeout>();

  function later(publish: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      publish();
    }, chaos.random() * 40);
    timers.add(timer);
  }

  return {
    async publish(meeting, bytes) {
      const publish = () => void inner.publish(meeting, bytes);
      if (chaos.random() < chaos.lose) return;
      if (chaos.random() < chaos.late) later(publish);
      else publish();
      if (chaos.random() < chaos.repeat) later(publish);
    },
    subscribe: (meeting, listener) => inner.subscribe(meeting, listener),
    async close() {
      for (const timer of timers) clearTimeout(timer);
      await inner.close();
    },
  };
}
