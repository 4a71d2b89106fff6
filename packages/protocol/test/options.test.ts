/** Misspelt options. */
import { expect, test } from 'vitest';
import { checkOptions } from '../src/options.ts';

interface Options {
  basePath?: string;
  heartbeatMs?: number;
  folder?: string;
}

const check = (given: object | undefined) =>
  checkOptions<Options>('anything', given, { basePath: true, heartbeatMs: true, folder: true });

test.each([
  ['basepath', 'basePath'],
  ['base_path', 'basePath'],
  ['heartbeat', 'heartbeatMs'],
  ['heartBeatMS', 'heartbeatMs'],
  ['floder', 'folder'],
])('%s is not known, and %s was meant', (given, meant) => {
  expect(() => check({ [given]: 1 })).toThrow(
    new TypeError(`anything: unknown option ${given}; did you mean ${meant}?`),
  );
});

test('what is like none of them is told which there are', () => {
  expect(() => check({ directory: 'x' })).toThrow(
    new TypeError('anything: unknown option directory; there are basePath, heartbeatMs, folder'),
  );
});

test('known options, and none, are fine, set or not', () => {
  check({ basePath: '', heartbeatMs: undefined });
  check({});
  check(undefined);
});

test('options are an object', () => {
  expect(() =>
    checkOptions('anything', 'x' as unknown as Options, { basePath: true, heartbeatMs: true, folder: true }),
  ).toThrow(TypeError);
  expect(() => check(null as unknown as object)).toThrow('anything takes its options as an object, got null');
});
