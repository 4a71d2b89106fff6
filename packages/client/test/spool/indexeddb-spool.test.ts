/** The spool in a browser's database. */
import 'fake-indexeddb/auto';
import type { SessionNote } from '@meetcast/client';
import { indexedDbSpool } from '@meetcast/client/indexeddb-spool';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { counting } from '../support/hub.ts';
import { session, spoolContract } from '../support/spool.ts';

let number = 0;
spoolContract('IndexedDB', () => {
  const name = `spool-${++number}`;
  return { reopen: () => indexedDbSpool(name) };
});

afterEach(() => vi.unstubAllGlobals());

/** The locks of a browser, as far as spools need them. */
function stubLocks(): void {
  const held = new Set<string>();
  const request = async (
    name: string,
    { ifAvailable }: LockOptions,
    use: (lock: unknown) => Promise<void> | undefined,
  ) => {
    if (!ifAvailable) throw new Error('nobody waits for another tab');
    if (held.has(name)) return use(null);
    held.add(name);
    await use({ name });
    held.delete(name);
  };
  vi.stubGlobal('navigator', { locks: { request } });
}

test('another tab is refused while the first one lives', async () => {
  stubLocks();
  const spool = await indexedDbSpool('one');
  await expect(indexedDbSpool('one')).rejects.toMatchObject({ code: 'locked' });
  await spool.note(session());
  await spool.append(counting(0, 5));
  await spool.close();
  for (let round = 0; round < 2; round += 1) await (await indexedDbSpool('one')).remove();
});

test('a misspelt option rejects with a TypeError, and holds nothing', async () => {
  const misspelt = indexedDbSpool('misspelt', { lable: 'a' } as object);
  await expect(misspelt).rejects.toThrow(
    new TypeError('indexedDbSpool: unknown option lable; did you mean label?'),
  );
  await (await indexedDbSpool('misspelt')).remove();
});

test('a browser that refuses a lock is told of', async () => {
  vi.stubGlobal('navigator', { locks: { request: () => Promise.reject(new Error('not in this page')) } });
  await expect(indexedDbSpool('refused')).rejects.toThrow('not in this page');
});

test('what was left of something else is refused, and the refusal does not hold the spool', async () => {
  stubLocks();
  const spool = await indexedDbSpool('two', { label: 'a' });
  await spool.note(session());
  await spool.close();
  await expect(indexedDbSpool('two', { label: 'b' })).rejects.toMatchObject({ code: 'foreign' });
  const again = await indexedDbSpool('two', { label: 'a' });
  await again.note({ ...session(), version: 2 } as unknown as SessionNote);
  await again.close();
  await expect(indexedDbSpool('two', { label: 'a' })).rejects.toThrow(/left by another version/);
});

test('where all of two channels is stored, as much was taken as is stored', async () => {
  const spool = await indexedDbSpool('three');
  await spool.note(session({ channels: 2 }));
  await spool.append(new Uint8Array(40));
  await spool.note(session({ channels: 2, start: 100 }));
  await spool.close();
  expect((await indexedDbSpool('three')).left?.takenBytes).toBe(400);
});

test('what is not needed any more leaves the database', async () => {
  const spool = await indexedDbSpool('four');
  await spool.note(session());
  for (let frame = 0; frame < 30; frame += 10) await spool.append(counting(frame, 10));
  await spool.forget(40);
  await expect(spool.read(20)).rejects.toThrow(/no audio at 20/);
  await spool.remove();
});

test('what was asked for before the end is done before it', async () => {
  const spool = await indexedDbSpool('five');
  void spool.note(session());
  void spool.append(counting(0, 10));
  await spool.close();
  const again = await indexedDbSpool('five');
  expect(again.left?.takenBytes).toBe(20);
  void again.append(counting(10, 10));
  await again.remove();
  expect((await indexedDbSpool('five')).left).toBeUndefined();
});

test('a browser that gives up writing is told of, and nothing is written after it', async () => {
  const spool = await indexedDbSpool('six');
  await spool.note(session());
  await spool.append(counting(0, 10));
  const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore) {
    this.transaction.abort();
    return {} as IDBRequest<IDBValidKey>;
  });
  onTestFinished(() => put.mockRestore());
  await expect(spool.append(counting(10, 10))).rejects.toThrow('the browser gave up writing');
  put.mockRestore();
  await expect(spool.append(counting(20, 10))).rejects.toThrow('the browser gave up writing');
  await spool.close();
  expect((await indexedDbSpool('six')).left?.takenBytes).toBe(20);
});
