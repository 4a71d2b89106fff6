/** What an option must be: a wrong one throws at the call, with what was expected and what came. */

const shown = (value: unknown): string => (typeof value === 'string' ? JSON.stringify(value) : String(value));

export function positive(name: string, value: number): number {
  if (typeof value === 'number' && value > 0) return value;
  throw new TypeError(`${name} must be a positive number, got ${shown(value)}`);
}

/** `why` says what goes wrong below. */
export function atLeast(name: string, value: number, least: number, why: string): number {
  if (positive(name, value) >= least) return value;
  throw new TypeError(`${name} must be at least ${least}, got ${shown(value)}: ${why}`);
}

export function integer(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `from ${least} to ${most}`;
  throw new TypeError(`${name} must be a whole number, ${range}, got ${shown(value)}`);
}

export function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw new TypeError(`${name} must be ${allowed.map(shown).join(' or ')}, got ${shown(value)}`);
}

export function matching(name: string, value: string, pattern: RegExp, expected: string): string {
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw new TypeError(`${name} must be ${expected}, got ${shown(value)}`);
}
