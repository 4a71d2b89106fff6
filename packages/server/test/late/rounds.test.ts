/** When which of many things is looked at. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RecognizerError } from '../../src/errors.ts';
import { type Due, Rounds } from '../../src/late/rounds.ts';

interface Item extends Due {
  readonly name: string;
}

let items: Item[];
let visits: string[];
let visit: (item: Item) => Promise<boolean>;
let rounds: Rounds<Item>;

beforeEach(() => {
  vi.useFakeTimers();
  items = [];
  visits = [];
  visit = async () => true;
  rounds = new Rounds<Item>({
    retryMinMs: 1_000,
    retryMaxMs: 4_000,
    items,
    tidy: () => {},
    async visit(item) {
      visits.push(item.name);
      return await visit(item);
    },
    failed: () => {},
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const add = (name: string, inMs: number): Item => {
  const item = { name, dueAtMs: Date.now() + inMs, failures: 0 };
  items.push(item);
  rounds.wake();
  return item;
};

const refused = () => Promise.reject(new RecognizerError('refused', { retryable: false, code: 401 }));

test('[LATE1] one at a time, in the order in which they are due, and none before its time', async () => {
  let release = () => {};
  visit = () =>
    new Promise((resolve) => {
      release = () => resolve(true);
    });
  add('second', 20);
  add('first', 10);
  await vi.advanceTimersByTimeAsync(9);
  expect(visits).toEqual([]);
  await vi.advanceTimersByTimeAsync(100);
  expect(visits).toEqual(['first']);
  release();
  await vi.advanceTimersByTimeAsync(1);
  expect(visits).toEqual(['first', 'second']);
});

test('[LATE2] a recognizer that refuses one is not asked for another until it may be well again', async () => {
  visit = refused;
  add('one', 0);
  add('two', 0);
  await vi.advanceTimersByTimeAsync(999);
  expect(visits).toEqual(['one']);
  await vi.advanceTimersByTimeAsync(1);
  expect(visits).toHaveLength(2);
  // 1, 2, 4, 4 … seconds.
  await vi.advanceTimersByTimeAsync(2_000);
  expect(visits).toHaveLength(3);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(visits).toHaveLength(4);
  await vi.advanceTimersByTimeAsync(3_999);
  expect(visits).toHaveLength(4);
  visit = async () => true;
  await vi.advanceTimersByTimeAsync(2);
  // Well again: the rest follows at once.
  expect(visits.slice(4).toSorted()).toEqual(['one', 'two']);
});

test('[LATE3] what fails for a reason of its own holds up no other', async () => {
  visit = ({ name }) => (name === 'broken' ? Promise.reject(new Error('the disk lost it')) : refused());
  const broken = add('broken', 0);
  add('other', 1);
  await vi.advanceTimersByTimeAsync(1);
  expect(visits).toEqual(['broken', 'other']);
  expect(broken).toMatchObject({ failures: 1 });
});

test('[LATE4] after its end nothing is begun, and the visit that was on is waited for', async () => {
  let release = () => {};
  visit = () =>
    new Promise((resolve) => {
      release = () => resolve(true);
    });
  add('one', 0);
  add('two', 0);
  await vi.advanceTimersByTimeAsync(1);
  let isOver = false;
  const ended = rounds.end().then(() => {
    isOver = true;
  });
  await vi.advanceTimersByTimeAsync(10);
  expect(isOver).toBe(false);
  release();
  await ended;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(visits).toEqual(['one']);
});
