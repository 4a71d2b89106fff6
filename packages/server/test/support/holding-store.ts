/** A store whose answers can be held back. */
import { memoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { settled } from './fake-clock.ts';
import { gate } from './stage.ts';
import { storeWith } from './store-with.ts';

/** A memory store of which some calls look at once, and answer only when they are let. */
export function holdingStore() {
  const inner = memoryStore();
  const calls = { read: 0, head: 0 };
  let gates: Partial<Record<'read' | 'head', Promise<void>>> = {};
  let open = () => {};
  const own = {
    async read(...args: Parameters<Store['read']>) {
      calls.read += 1;
      const page = await inner.read(...args);
      await gates.read;
      return page;
    },
    async head(...args: Parameters<Store['head']>) {
      calls.head += 1;
      const head = await inner.head(...args);
      await gates.head;
      return head;
    },
  };
  const hold = (name: 'read' | 'head') => {
    const held = gate();
    gates = { [name]: held.passed };
    open = held.open;
  };
  const letGo = async () => {
    gates = {};
    open();
    await settled();
  };
  return { store: storeWith(inner, own), calls, hold, letGo };
}
