/** A memory store whose reads can be held between the moment they look and the moment they answer. */
import { memoryStore, type Store } from '../../src/index.ts';
import { storeWith } from './store-with.ts';

export interface GatedStore extends Store {
  readonly reads: number;
  /** From now on reads look at once, and answer after `open`. */
  hold(): void;
  open(): void;
}

export function gatedStore(): GatedStore {
  const inner = memoryStore();
  let gate: Promise<void> | undefined;
  let release = () => {};
  let reads = 0;
  const own = {
    get reads() {
      return reads;
    },
    async read(...args: Parameters<Store['read']>) {
      reads += 1;
      const page = await inner.read(...args);
      await gate;
      return page;
    },
    hold() {
      gate = new Promise((resolve) => {
        release = resolve;
      });
    },
    open() {
      gate = undefined;
      release();
    },
  };
  return storeWith(inner, own);
}
