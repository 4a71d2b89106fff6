/** A memory store that can be away, silent, or lose its answers. */
import { memoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';

export type Condition =
  | 'well'
  /** Every call rejects. */
  | 'away'
  /** No call is answered, nor done, until the condition changes. */
  | 'silent'
  /** Every call is done, and rejects as if it was not. */
  | 'lossy';

export interface UnsteadyStore extends Store {
  /** The store itself, always well. */
  readonly inner: Store;
  condition: Condition;
  /** Asked before every call; what it says outranks `condition`. */
  weather: () => Condition | undefined;
}

const unsteadyCalls = [
  'append',
  'read',
  'head',
  'cover',
  'covered',
  'transcript',
  'retract',
  'ping',
] as const;

export function unsteadyStore(inner: Store = memoryStore()): UnsteadyStore {
  let condition: Condition = 'well';
  let changed = () => {};
  let change = new Promise<void>((resolve) => {
    changed = resolve;
  });
  const own = {
    inner,
    weather: (): Condition | undefined => undefined,
    get condition() {
      return condition;
    },
    set condition(next: Condition) {
      condition = next;
      changed();
      change = new Promise((resolve) => {
        changed = resolve;
      });
    },
  };

  async function call(name: (typeof unsteadyCalls)[number], args: unknown[]): Promise<unknown> {
    const now = own.weather() ?? condition;
    if (now === 'silent') return change.then(() => call(name, args));
    if (now === 'away') throw new Error('the store is away');
    const answer = await (inner[name] as (...all: unknown[]) => Promise<unknown>).apply(inner, args);
    if (now === 'lossy') throw new Error('the answer was lost');
    return answer;
  }

  const calls = Object.fromEntries(
    unsteadyCalls.map((name) => [name, (...args: unknown[]) => call(name, args)]),
  );
  const answer = (name: string | symbol): unknown => {
    const holder = [own, calls, inner].find((there) => Reflect.has(there, name)) ?? inner;
    const value: unknown = Reflect.get(holder, name);
    return typeof value === 'function' && holder === inner ? value.bind(inner) : value;
  };
  return new Proxy(own, { get: (_own, name) => answer(name) }) as unknown as UnsteadyStore;
}
