/** When which of many things is looked at. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Due, RetrySchedule } from '../../src/late-hearing/retry-schedule.ts';
import { RecognizerError } from '../../src/lib/errors.ts';

interface Item extends Due {
  readonly name: string;
}

let items: Item[];
let visits: string[];
let visit: (item: Item) => Promise<boolean>;
let rounds: RetrySchedule<Item>;
let tidied: number;
let failed: string[];

beforeEach(() => {
  vi.useFakeTimers();
  items = [];
  visits = [];
  tidied = 0;
  failed = [];
  visit = async () => true;
  rounds = new RetrySchedule<Item>({
    retryMinMs: 1_000,
    retryMaxMs: 4_000,
    items,
    tidy: () => {
      tidied += 1;
    },
    async visit(item) {
      visits.push(item.name);
      return await visit(item);
    },
    failed: ({ name }, error) => failed.push(`${name}: ${(error as Error).message}`),
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

test('one at a time, in the order in which they are due, and none before its time', async () => {
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
  add('third', 10_000);
  await vi.advanceTimersByTimeAsync(100);
  expect(visits).toEqual(['first']);
  release();
  await vi.advanceTimersByTimeAsync(1);
  expect(visits).toEqual(['first', 'second']);
});

test('a recognizer that refuses one is not asked for another until it may be well again', async () => {
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

test('what fails for a reason of its own holds up no other', async () => {
  visit = ({ name }) => (name === 'broken' ? Promise.reject(new Error('the disk lost it')) : refused());
  const broken = add('broken', 0);
  add('other', 1);
  await vi.advanceTimersByTimeAsync(1);
  expect(visits).toEqual(['broken', 'other']);
  expect(broken).toMatchObject({ failures: 1 });
  expect(failed).toEqual(['broken: the disk lost it', 'other: refused']);
});

test('after its end nothing is begun, and the visit that was on is waited for', async () => {
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

test('what was done once has no failures from before, nor has a recognizer that did what it was asked for', async () => {
  const answers = [refused, async () => false, refused, async () => true, refused];
  visit = (item) => {
    item.dueAtMs = Date.now();
    return (answers.shift() ?? (() => Promise.reject(new Error('asked too often'))))();
  };
  const one = add('one', 0);
  await vi.advanceTimersByTimeAsync(1);
  expect([visits.length, one.failures]).toEqual([1, 1]);
  await vi.advanceTimersByTimeAsync(1_000);
  // The second visit asked no recognizer: whether it is well is not known, and it waits for longer.
  expect([visits.length, one.failures]).toEqual([3, 1]);
  await vi.advanceTimersByTimeAsync(1_900);
  expect(visits.length).toBe(3);
  await vi.advanceTimersByTimeAsync(200);
  expect([visits.length, one.failures]).toEqual([5, 1]);
  // It did what it was asked for in between: its next refusal counts as the first.
  await vi.advanceTimersByTimeAsync(1_000);
  expect(visits.length).toBe(6);
});

test('what was not begun before its end never is, and what fails after it is nobody’s concern', async () => {
  let refuse = () => {};
  visit = () =>
    new Promise((_resolve, reject) => {
      refuse = () => reject(new Error('stopped'));
    });
  add('one', 0);
  await vi.advanceTimersByTimeAsync(1);
  const ended = rounds.end();
  refuse();
  await ended;
  expect([visits, failed]).toEqual([['one'], []]);
});

test('nothing that was to come is begun after the end', async () => {
  add('one', 10);
  await rounds.end();
  await vi.advanceTimersByTimeAsync(100);
  expect(visits).toEqual([]);
});

test('before each look there is tidying; what was put off meanwhile is not visited before its time', async () => {
  const one = add('one', 10);
  one.dueAtMs += 50;
  await vi.advanceTimersByTimeAsync(30);
  expect([visits, tidied]).toEqual([[], 1]);
  await vi.advanceTimersByTimeAsync(40);
  expect([visits, tidied]).toEqual([['one'], 2]);
});

test('what is due in a month is not looked at every millisecond', async () => {
  add('one', 2 ** 31 + 1_000);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(tidied).toBe(0);
});
