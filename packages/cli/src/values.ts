/** Parsers of what people type, in flags and in variables: each says what it expected. */
import { InvalidArgumentError } from 'commander';

/** Text to value; throws an InvalidArgumentError whose sentence says what was expected. */
export type Parse<T> = (text: string) => T;

export function wholeNumber(from: number, to: number = Number.MAX_SAFE_INTEGER): Parse<number> {
  const range = to === Number.MAX_SAFE_INTEGER ? `of at least ${from}` : `from ${from} to ${to}`;
  return (text) => {
    const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (value >= from && value <= to) return value;
    throw new InvalidArgumentError(`Expected a whole number ${range}.`);
  };
}

/** A number above zero, or from `from` on. */
export function number(from?: number): Parse<number> {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (from === undefined ? value > 0 : value >= from) return value;
    throw new InvalidArgumentError(
      `Expected a number ${from === undefined ? 'above 0' : `of at least ${from}`}.`,
    );
  };
}

/** 0 asks the system for a free one. */
export const port: Parse<number> = wholeNumber(0, 65_535);

const secondsPer: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** A duration in seconds: `90`, `90s`, `15m`, `1h30m`, `500ms`. */
export const duration: Parse<number> = (text) => {
  const parts = [...text.trim().matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|$)/gy)];
  const isWhole = parts.map(([part]) => part).join('') === text.trim();
  const total = parts.reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (secondsPer[unit || 's'] ?? 0),
    0,
  );
  if (isWhole && total > 0) return total;
  throw new InvalidArgumentError('Expected a duration such as 90, 90s, 15m or 1h.');
};

export function address(...schemes: readonly string[]): Parse<string> {
  return (text) => {
    if (URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1))) return text;
    const starts = schemes.map((scheme) => `${scheme}://`).join(' or ');
    throw new InvalidArgumentError(`Expected an address that starts with ${starts}.`);
  };
}

export const text: Parse<string> = (value) => value;
