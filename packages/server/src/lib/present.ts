/** Members that may be missing, without those that are undefined: where a key must not be there in vain. Pure. */

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** In the order they were given: what is made of them may be compared as text. */
export function present<T extends object>(members: T): Present<T> {
  const there: Partial<T> = {};
  for (const key of Object.keys(members) as (keyof T)[]) {
    if (members[key] !== undefined) there[key] = members[key];
  }
  return there as Present<T>;
}
