import { expect, test } from 'vitest';
import { defaultLimits, type Limits, limitsWith } from '../../src/lib/limits.ts';

test('what a host changes replaces the default, the rest stays', () => {
  expect(limitsWith({ headCheckMs: 50 })).toEqual({ ...defaultLimits, headCheckMs: 50 });
  expect(limitsWith()).toEqual(defaultLimits);
});

test('the defaults cannot be changed for everyone', () => {
  expect(Object.isFrozen(defaultLimits)).toBe(true);
});

test('every limit must be a positive number, and the refusal names it', () => {
  for (const name of Object.keys(defaultLimits)) {
    for (const value of [0, -1, Number.NaN, '5', null, undefined]) {
      const change = { [name]: value } as unknown as Partial<Limits>;
      expect(() => limitsWith(change)).toThrow(
        new TypeError(`limits.${name} must be a positive number, got ${value}`),
      );
    }
  }
});

test('a time longer than a timer of Node, which fires at once, is refused; bytes may be without bound', () => {
  for (const name of [
    'heartbeatMs',
    'headCheckMs',
    'handshakeTimeoutMs',
    'drainSilenceMs',
    'tokenWarningMs',
  ]) {
    for (const value of [2 ** 31, Number.POSITIVE_INFINITY])
      expect(() => limitsWith({ [name]: value })).toThrow(
        `limits.${name} must be at most 2147483647, got ${value}`,
      );
    expect(limitsWith({ [name]: 2 ** 31 - 1 })).toMatchObject({ [name]: 2 ** 31 - 1 });
  }
  expect(limitsWith({ hardUnsentBytes: Number.POSITIVE_INFINITY }).hardUnsentBytes).toBe(
    Number.POSITIVE_INFINITY,
  );
});
