import { expect, test } from 'vitest';
import type { LogWrite } from '../../src/store/log-draft.ts';
import { WriteQueue } from '../../src/store/write-queue.ts';
import { statusEntry } from '../support/entries.ts';

const write = (id: string): LogWrite => ({ meeting: { tenant: 't', id }, entry: statusEntry('live') });

/** Commits what it is given, unless a write is called "bad", and remembers the transactions. */
function committer() {
  const transactions: string[][] = [];
  return {
    transactions,
    async together(writes: readonly LogWrite[]) {
      const ids = writes.map(({ meeting }) => meeting.id);
      await new Promise(setImmediate);
      if (ids.includes('gone')) throw new Error('away');
      if (ids.includes('bad')) throw new RangeError('refused');
      transactions.push(ids);
      return ids.map((id) => ({ written: { epoch: id, event: undefined, coveredMs: 0 } }));
    },
    async alone<T>(work: (sql: never) => Promise<T>) {
      transactions.push(['alone']);
      return work(undefined as never);
    },
    isRefusal: (error: unknown) => error instanceof RangeError,
  };
}

test('what is written in one turn, or while another transaction commits, is one transaction', async () => {
  const commits = committer();
  const queue = new WriteQueue(commits);
  const first = [queue.write(write('a')), queue.write(write('b'))];
  await new Promise((resolve) => process.nextTick(resolve));
  await Promise.all([...first, queue.write(write('c')), queue.write(write('d'))]);
  expect(commits.transactions).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);
});

test('what wants to be alone keeps its place among the others', async () => {
  const commits = committer();
  const queue = new WriteQueue(commits);
  await Promise.all([
    queue.write(write('a')),
    queue.alone(async () => {}),
    queue.alone(async () => {}),
    queue.write(write('b')),
  ]);
  expect(commits.transactions).toEqual([['a'], ['alone'], ['alone'], ['b']]);
});

test('a write that the database refuses fails by itself', async () => {
  const commits = committer();
  const queue = new WriteQueue(commits);
  const ids = ['a', 'b', 'bad', 'c', 'd', 'bad', 'e'];
  const outcomes = await Promise.allSettled(ids.map((id) => queue.write(write(id))));
  expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(ids.map((id) => id !== 'bad'));
  expect(commits.transactions.flat()).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(outcomes[2]).toMatchObject({ reason: { name: 'EntryRefusedError', cause: expect.any(RangeError) } });
});

test('while the database is away a batch is tried once, and what comes later is tried again', async () => {
  const commits = committer();
  const queue = new WriteQueue(commits);
  const ids = ['a', 'gone', 'b'];
  const outcomes = await Promise.allSettled(ids.map((id) => queue.write(write(id))));
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  await queue.write(write('c'));
  expect(commits.transactions).toEqual([['c']]);
});

test('a failure of what is alone is its own', async () => {
  const queue = new WriteQueue(committer());
  const failing = queue.alone(() => Promise.reject(new Error('mine')));
  const next = queue.write(write('a'));
  await expect(failing).rejects.toThrow('mine');
  await expect(next).resolves.toMatchObject({ epoch: 'a' });
  await expect(queue.idle()).resolves.toBeUndefined();
});

test('a transaction holds two hundred writes at most', async () => {
  const commits = committer();
  const queue = new WriteQueue(commits);
  await Promise.all(Array.from({ length: 450 }, (_, index) => queue.write(write(`m${index}`))));
  expect(commits.transactions.map(({ length }) => length)).toEqual([200, 200, 50]);
});
