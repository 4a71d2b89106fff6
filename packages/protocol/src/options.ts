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
  const most = Math.min(4, Math.max(2, option.length / 3));
  const from = option.toLowerCase();
  for (let edits = 0; edits <= most; edits += 1) {
    const found = names.find((name) => isNear(from, name.toLowerCase(), edits));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether so many letters at most have to be added, removed or changed to make one of the other. Few: it tries them all. */
function isNear(from: string, to: string, edits: number): boolean {
  if (from === to) return true;
  const [less, lessTo] = [from.slice(1), to.slice(1)];
  if (from[0] === to[0]) return isNear(less, lessTo, edits);
  const left = edits - 1;
  if (left < 0) return false;
  return isNear(less, lessTo, left) || isNear(less, to, left) || isNear(from, lessTo, left);
}
