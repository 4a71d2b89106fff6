import { expect, test } from 'vitest';
import { SegmentNos } from '../../src/registry/segment-nos.ts';

const meeting = { tenant: 'acme', id: 'm' };

test('numbers only rise, over those of others too', () => {
  const numbers = new SegmentNos();
  expect([numbers.next(meeting, 1), numbers.next(meeting, 1), numbers.next(meeting, 10)]).toEqual([1, 2, 10]);
  numbers.raise(meeting, 20);
  numbers.raise(meeting, 15);
  numbers.agree(meeting, 5);
  expect(numbers.next(meeting, 1)).toBe(21);
});

test('who counts alone jumps once, and again where somebody else has got further', () => {
  const numbers = new SegmentNos();
  numbers.agree(meeting, 7);
  expect([numbers.nextAlone(meeting, 1, 1_000), numbers.nextAlone(meeting, 1, 1_000)]).toEqual([
    1_008, 1_009,
  ]);
  expect(numbers.nextAlone(meeting, 1_500, 1_000)).toBe(2_500);
  numbers.agree(meeting, 3_000);
  expect(numbers.nextAlone(meeting, 1, 1_000)).toBe(4_001);
});

test('what was counted alone is to be told until it is agreed; all is in doubt after a while away', () => {
  const numbers = new SegmentNos();
  const other = { tenant: 'acme', id: 'other' };
  numbers.next(other, 1);
  numbers.nextAlone(meeting, 1, 10);
  expect(numbers.doubt()).toEqual([meeting]);
  expect([numbers.known(meeting)?.isUnsure, numbers.known(other)?.isUnsure]).toEqual([true, true]);
  numbers.agree(meeting, 50);
  expect(numbers.known(meeting)).toMatchObject({ highest: 50, isUnreported: false, isUnsure: false });
  expect(numbers.doubt()).toEqual([]);
});

test('who has told how far it counted jumps when it goes on alone: others may have counted on from there', () => {
  const numbers = new SegmentNos();
  numbers.nextAlone(meeting, 1, 1_000);
  expect(numbers.tell(meeting)).toMatchObject({ highest: 1_001, isUnreported: true });
  expect([numbers.nextAlone(meeting, 1, 1_000), numbers.nextAlone(meeting, 1, 1_000)]).toEqual([
    2_002, 2_003,
  ]);
  expect(numbers.doubt()).toEqual([meeting]);
  expect(numbers.tell({ tenant: 'acme', id: 'another' })).toBeUndefined();
});

test('what was given alone since the others were asked is still to be told, and what they passed is not', () => {
  const numbers = new SegmentNos();
  const alone = numbers.nextAlone(meeting, 1, 1_000);
  numbers.agree(meeting, 64);
  expect(numbers.known(meeting)).toMatchObject({ highest: alone, isUnreported: true });
  expect(numbers.nextAlone(meeting, 1, 1_000)).toBe(alone + 1);
  numbers.raise(meeting, 5_000);
  expect(numbers.doubt()).toEqual([]);
  expect(numbers.nextAlone(meeting, 1, 1_000)).toBe(6_001);
});

test('of ten thousand meetings the one that was counted in longest ago is forgotten', () => {
  const numbers = new SegmentNos();
  const nth = (at: number) => ({ tenant: 'acme', id: `m-${at}` });
  for (let at = 0; at < 10_000; at += 1) numbers.next(nth(at), 5);
  numbers.next(nth(0), 1);
  numbers.next(nth(10_000), 1);
  expect([numbers.known(nth(0))?.highest, numbers.known(nth(1)), numbers.known(nth(2))?.highest]).toEqual([
    6,
    undefined,
    5,
  ]);
});
