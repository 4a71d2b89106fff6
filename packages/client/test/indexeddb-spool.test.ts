/** The spool in a browser's database. */
import 'fake-indexeddb/auto';
import { indexedDbSpool } from '@meetcast/client/indexeddb-spool';
import { afterEach, expect, test, vi } from 'vitest';
import { counting } from './support/hub.ts';
import { session, spoolContract } from './support/spool.ts';

let number = 0;
spoolContract('IndexedDB', () => {
  const name = `spool-${++number}`;
  return { reopen: () => indexedDbSpool(name) };
});

afterEach(() => vi.unstubAllGlobals());

test('[SPL9] another tab is refused while the first one lives', async () => {
  const held = new Set<string>();
  const request = async (
    name: string,
    _options: object,
    use: (lock: unknown) => Promise<void> | undefined,
  ) => {
    if (held.has(name)) return use(null);
    held.add(name);
    await use({ name });
    held.delete(name);
  };
  vi.stubGlobal('navigator', { locks: { request } });
  const spool = await indexedDbSpool('one');
  await expect(indexedDbSpool('one')).rejects.toMatchObject({ code: 'locked' });
  await spool.note(session());
  await spool.append(counting(0, 5));
  await spool.close();
  await (await indexedDbSpool('one')).remove();
});

test('[SPL10] what was left of something else is refused, and the refusal does not hold the spool', async () => {
  const spool = await indexedDbSpool('two', { label: 'a' });
  await spool.note(session());
  await spool.close();
  await expect(indexedDbSpool('two', { label: 'b' })).rejects.toMatchObject({ code: 'foreign' });
  await (await indexedDbSpool('two', { label: 'a' })).remove();
});
