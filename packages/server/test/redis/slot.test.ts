import { expect, test } from 'vitest';
import { slotOf } from '../../src/redis/slot.ts';

test('slots are those of the Redis Cluster specification', () => {
  // As answered by CLUSTER KEYSLOT.
  expect(slotOf('123456789')).toBe(0x31c3 % 16_384);
  expect(slotOf('foo')).toBe(12_182);
  expect(slotOf('somekey')).toBe(11_058);
  expect(slotOf('foo{hash_tag}')).toBe(2_515);
  expect(slotOf('')).toBe(0);
});

test('only what stands between the first braces counts, if anything does', () => {
  expect(slotOf('meeting:{acme/m-1}:transcript')).toBe(slotOf('meeting:{acme/m-1}:status'));
  expect(slotOf('a{b}{c}')).toBe(slotOf('b'));
  expect(slotOf('a{}{c}')).not.toBe(slotOf('c'));
  expect(slotOf('a{{b}}')).toBe(slotOf('{b'));
  expect(slotOf('}{a')).not.toBe(slotOf('a'));
});
