/** A store that answers some calls its own way. */
import type { Store } from '../../src/store/store.ts';

export function storeWith<Own extends Partial<Store>>(inner: Store, own: Own): Store & Own {
  const answer = (name: string | symbol): unknown => {
    if (Reflect.has(own, name)) return Reflect.get(own, name);
    const value: unknown = Reflect.get(inner, name);
    return typeof value === 'function' ? value.bind(inner) : value;
  };
  return new Proxy(own, { get: (_own, name) => answer(name) }) as Store & Own;
}
