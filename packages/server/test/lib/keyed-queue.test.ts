import { expect, test } from 'vitest';
import { KeyedQueue } from '../../src/lib/keyed-queue.ts';

test('what is asked for one key is done one after another, for different keys at once', async () => {
  const turns = new KeyedQueue();
  const begun: string[] = [];
  const finish: (() => void)[] = [];
  const work = (name: string) => () => {
    begun.push(name);
    return new Promise<string>((resolve) => finish.push(() => resolve(name)));
  };
  const [first, second] = [turns.do('a', work('a1')), turns.do('a', work('a2'))];
  const other = turns.do('b', work('b1'));
  await expect.poll(() => begun).toEqual(['a1', 'b1']);
  finish[0]?.();
  expect(await first).toBe('a1');
  await expect.poll(() => begun).toEqual(['a1', 'b1', 'a2']);
  // The first is over, and whoever comes now still waits for the second.
  const third = turns.do('a', work('a3'));
  finish[1]?.();
  expect(await other).toBe('b1');
  expect(begun).toEqual(['a1', 'b1', 'a2']);
  finish[2]?.();
  expect(await second).toBe('a2');
  await expect.poll(() => begun.length).toBe(4);
  finish[3]?.();
  expect(await third).toBe('a3');
});

test('what fails holds up nothing behind it', async () => {
  const turns = new KeyedQueue();
  const failing = turns.do('a', () => Promise.reject(new Error('no')));
  const next = turns.do('a', async () => 'done');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('done');
});
