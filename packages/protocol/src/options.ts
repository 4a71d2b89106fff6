/** What a program sets, of a hub or of a client: an option that nobody knows is a mistake, and said at once. Pure. */

type KeysOf<T> = T extends unknown ? keyof T : never;

/** Every option there is; of a union those of all its members. */
export type KnownOptions<T> = { readonly [Name in KeysOf<T>]-?: unknown };

/** Throws TypeError for an option that is not known, with the one that was probably meant. `name`: whose options they are. */
export function checkOptions<T extends object>(
  name: string,
  given: T | undefined,
  known: KnownOptions<T>,
): void {
  if (given === null || (given !== undefined && typeof given !== 'object')) {
    throw new TypeError(`${name} takes its options as an object, got ${String(given)}`);
  }
  const names = Object.keys(known);
  for (const option of Object.keys(given ?? {})) {
    if (names.includes(option)) continue;
    const meant = nearest(option, names);
    const hint = meant === undefined ? `there are ${names.join(', ')}` : `did you mean ${meant}?`;
    throw new TypeError(`${name}: unknown option ${option}; ${hint}`);
  }
}

/** The most similar of the names, whatever their case, if one is similar at all. */
function nearest(option: string, names: readonly string[]): string | undefined {
  const [first] = names
    .map((name) => ({ name, distance: distance(option.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  return first && first.distance <= Math.max(2, option.length / 3) ? first.name : undefined;
}

/** How many letters have to be added, removed or changed to make one of the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [done, letter] of [...from].entries()) {
    const next = [done + 1];
    for (let at = 0; at < to.length; at += 1) {
      const changed = (row[at] ?? 0) + (letter === to[at] ? 0 : 1);
      next.push(Math.min(changed, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
