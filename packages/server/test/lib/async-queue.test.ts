import { expect, test } from 'vitest';
import { AsyncQueue } from '../../src/lib/async-queue.ts';

async function drain<T>(queue: AsyncQueue<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of queue) values.push(value);
  return values;
}

test('values come out in order, whether pushed before or while somebody waits', async () => {
  const queue = new AsyncQueue<number>();
  queue.push(1);
  queue.push(2);
  const drained = drain(queue);
  await Promise.resolve();
  queue.push(3);
  await Promise.resolve();
  queue.push(4);
  queue.push(5);
  queue.end();
  expect(await drained).toEqual([1, 2, 3, 4, 5]);
});

test('an end lets out what is queued first', async () => {
  const queue = new AsyncQueue<string>();
  queue.push('a');
  queue.end();
  queue.push('too late');
  expect(await drain(queue)).toEqual(['a']);
});

test('an end with an error throws it after what is queued, undefined included', async () => {
  for (const error of [new Error('gone'), undefined, 0]) {
    const queue = new AsyncQueue<string>();
    queue.push('a');
    queue.end({ error });
    const heard: string[] = [];
    const reading = (async () => {
      for await (const value of queue) heard.push(value);
    })();
    await expect(
      reading.then(
        () => 'ended',
        (thrown: unknown) => ({ thrown }),
      ),
    ).resolves.toEqual({ thrown: error });
    expect(heard).toEqual(['a']);
  }
});

test('only the first end counts', async () => {
  const queue = new AsyncQueue<string>();
  queue.end();
  queue.end({ error: new Error('after the end') });
  expect(await drain(queue)).toEqual([]);
});

test('falsy values are values', async () => {
  const queue = new AsyncQueue<number | string | boolean | null>();
  for (const value of [0, '', false, null]) queue.push(value);
  queue.end();
  expect(await drain(queue)).toEqual([0, '', false, null]);
});

test('a reader that stops early does not hold the writer up', async () => {
  const queue = new AsyncQueue<number>();
  queue.push(1);
  for await (const _ of queue) break;
  queue.push(2);
  queue.end();
  expect(await drain(queue)).toEqual([2]);
});
