/** Writes that are asked for while others are on. */
import { expect, test } from 'vitest';
import { deferred } from '../../src/deferred.ts';
import { WriteQueue } from '../../src/spool/write-queue.ts';

test('one write at a time, in order, those that wait together as one; idle when nothing waits', async () => {
  const begun: number[][] = [];
  const first = deferred<void>();
  const queue = new WriteQueue<number>(async (items) => {
    begun.push(items);
    if (begun.length === 1) await first.promise;
  });
  const done = [1, 2].map((item) => queue.add(item));
  await expect.poll(() => begun).toEqual([[1, 2]]);
  done.push(queue.add(3), queue.add(4));
  first.resolve();
  await queue.idle();
  expect(begun).toEqual([
    [1, 2],
    [3, 4],
  ]);
  await Promise.all(done);
});

test('after a write that failed none is tried, and each is told why', async () => {
  const tried: number[] = [];
  const queue = new WriteQueue<number>(async (items) => {
    tried.push(...items);
    throw new Error('the disk is full');
  });
  await expect(queue.add(1)).rejects.toThrow('the disk is full');
  await expect(queue.add(2)).rejects.toThrow('the disk is full');
  expect(tried).toEqual([1]);
});
