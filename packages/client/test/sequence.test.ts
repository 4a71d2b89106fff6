/** A viewer's place in the log. */
import { expect, test } from 'vitest';
import { advanced, judge, type Place, positionOf, resumeQuery } from '../src/sequence.ts';

const verdicts = (place: Place, ...seqs: number[]) => seqs.map((seq) => judge(place, seq));

test('at a place, only the entry after it is next', () => {
  const place: Place = { name: 'at', epoch: 'e', seq: 5 };
  expect(verdicts(place, 1, 5, 6, 7)).toEqual(['repeat', 'repeat', 'next', 'hole']);
});

test('while joining, history may begin anywhere up to the head, and live right behind it', () => {
  const place: Place = { name: 'joining', epoch: 'e', head: 5 };
  expect(verdicts(place, 1, 5, 6, 7)).toEqual(['next', 'next', 'next', 'hole']);
  expect(advanced(place, 3)).toEqual({ name: 'at', epoch: 'e', seq: 3 });
});

test('only a place is resumed from; a join is asked for again', () => {
  expect(resumeQuery({ name: 'at', epoch: 'e', seq: 5 }, 'all')).toEqual({ since: 5, epoch: 'e' });
  expect(resumeQuery({ name: 'joining', epoch: 'e', head: 5 }, 3)).toEqual({ history: 3 });
  expect(positionOf({ name: 'joining', epoch: 'e', head: 5 })).toBeUndefined();
});
