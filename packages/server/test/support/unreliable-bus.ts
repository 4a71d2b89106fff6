/** A bus as the contract allows it to be: it loses, repeats and reorders, as a seed says. */

import { type Bus, memoryBus } from '../../src/index.ts';
import { seeded } from './random.ts';

export interface Unreliability {
  seed?: number;
  lose?: number;
  repeat?: number;
  reorder?: number;
}

export interface UnreliableBus extends Bus {
  /** Messages that never arrived. */
  lost: number;
  /** From now on everything arrives, and what was held back does too. */
  heal(): Promise<void>;
  /** What the next messages suffer. */
  suffer(unreliability: Unreliability): void;
}

export function unreliableBus({ seed = 1, ...first }: Unreliability = {}): UnreliableBus {
  const inner = memoryBus();
  const random = seeded(seed);
  let held: (() => Promise<void>)[] = [];
  let rates: Unreliability = first;

  async function release(): Promise<void> {
    const late = held;
    held = [];
    for (const publish of late) await publish();
  }

  return {
    ...inner,
    lost: 0,
    async publish(meeting, bytes) {
      const { lose = 0, repeat = 0, reorder = 0 } = rates;
      if (random() < lose) {
        this.lost += 1;
        return;
      }
      if (random() < reorder) {
        held.push(() => inner.publish(meeting, bytes));
        return;
      }
      await inner.publish(meeting, bytes);
      if (random() < repeat) await inner.publish(meeting, bytes);
      if (random() < 0.5) await release();
    },
    async heal() {
      rates = {};
      await release();
    },
    suffer(unreliability) {
      rates = unreliability;
    },
  };
}
