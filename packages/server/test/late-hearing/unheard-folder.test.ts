/** Audio that nobody heard, on a disk that takes it, or does not. */
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { Leftover } from '../../src/late-hearing/leftover.ts';
import { UnheardFolder } from '../../src/late-hearing/unheard-folder.ts';

let root: string;
let folder: UnheardFolder;
let discarded: number;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'meetcast-unheard-'));
  folder = new UnheardFolder(root);
  discarded = 0;
});
afterEach(async () => {
  await folder.close();
  await rm(root, { recursive: true, force: true });
});

const leftover: Leftover = {
  meeting: { tenant: 'acme', id: 'm' },
  source: 'mic',
  epoch: 'e',
  keptAtMs: 0,
  format: { sampleRate: 16_000, channels: 1 },
  bytes: 6,
  offsets: [{ streamMs: 0, offsetMs: 0 }],
  cause: 'recognizer_unavailable',
  fence: 1,
  canResume: true,
  claim: 'none',
  saidMs: [0],
};
const audioOf = (read: () => AsyncGenerator<Uint8Array>) => ({
  startMs: 0,
  endMs: 1,
  bytes: 6,
  read,
  discard: async () => {
    discarded += 1;
  },
});

test('[LOG10] audio that is on disk is discarded where it was, and known to a later process', async () => {
  const pieces = [new Uint8Array([1, 2, 3, 4]), new Uint8Array([5, 6])];
  const kept = await folder.put(
    leftover,
    audioOf(async function* () {
      yield* pieces;
    }),
  );
  expect(discarded).toBe(1);
  const [name = ''] = await readdir(root);
  expect((await readdir(join(root, name))).sort()).toEqual(['audio.pcm', 'leftover.json']);
  const bytes = [];
  for await (const piece of kept.audio.read(2)) bytes.push(...piece);
  expect(bytes).toEqual([3, 4, 5, 6]);
});

test('[LOG10] audio that the disk does not take stays where it was, and leaves nothing there', async () => {
  const broken = audioOf(async function* () {
    yield new Uint8Array(4);
    throw new Error('the disk lost it');
  });
  await expect(folder.put(leftover, broken)).rejects.toThrow('the disk lost it');
  expect([discarded, await readdir(root)]).toEqual([0, []]);
});

/** As `put` leaves it, under the name of somebody. */
async function leave(name: string, bytes = 6, note: string | undefined = JSON.stringify(leftover)) {
  const path = join(root, name);
  await mkdir(path);
  await writeFile(join(path, 'audio.pcm'), new Uint8Array(bytes));
  if (note !== '') await writeFile(join(path, 'leftover.json'), note);
  return path;
}
async function age(path: string): Promise<void> {
  const old = new Date(Date.now() - 120_000);
  await utimes(path, old, old);
}
const nothing = (error: unknown) => expect.unreachable(String(error));
function another(): UnheardFolder {
  const next = new UnheardFolder(root);
  onTestFinished(() => next.close());
  return next;
}
const whole = () =>
  audioOf(async function* () {
    yield new Uint8Array([1, 2, 3, 4, 5, 6]);
  });

test('[LOG10] what a process has is its own while it lives, and the next one’s when it closes, and again', async () => {
  await (await folder.put(leftover, whole())).save({ fence: 7 });
  const next = another();
  expect(await next.takeOver(nothing)).toEqual([]);
  expect(await folder.takeOver(nothing)).toEqual([]);
  await folder.close();
  const [kept, ...others] = await next.takeOver(nothing);
  expect([kept?.isFound, kept?.leftover, others]).toEqual([true, { ...leftover, fence: 7 }, []]);
  const bytes = [];
  for await (const piece of kept?.audio.read(4) ?? []) bytes.push(...piece);
  expect(bytes).toEqual([5, 6]);
  const last = another();
  expect([await next.takeOver(nothing), await last.takeOver(nothing)]).toEqual([[], []]);
  await next.close();
  expect(await last.takeOver(nothing)).toHaveLength(1);
});

test('[LOG10] a dead process is known by its id and birth; one of another machine by its beats', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const next = another();
  const host = encodeURIComponent(hostname().slice(0, 64));
  const fresh = await leave('own~1~x~elsewhere~00');
  await leave(`own~${process.pid}~1.1~${host}~01`);
  await leave('mine');
  expect(await next.takeOver(nothing)).toHaveLength(1);
  await age(fresh);
  expect(await next.takeOver(nothing)).toHaveLength(1);
  const names = await readdir(root);
  expect(names).toHaveLength(3);
  expect(names).toContain('mine');
  // From now on it is known by the beats of its new owner, of which the first does not wait for its time.
  vi.useRealTimers();
  const owned = names.filter((name) => name.startsWith('own~')).map((name) => join(root, name));
  const youngest = () => Promise.all(owned.map(async (path) => Date.now() - (await stat(path)).mtimeMs));
  await expect.poll(async () => Math.max(...(await youngest()))).toBeLessThan(60_000);
});

test('[LOG10] whoever lives touches what is his', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  await another().put(leftover, whole());
  const [name = ''] = await readdir(root);
  const path = join(root, name);
  await age(path);
  vi.advanceTimersByTime(5_000);
  await expect.poll(async () => Date.now() - (await stat(path)).mtimeMs).toBeLessThan(60_000);
});

test('[LOG10] what was not written to its end is removed; what cannot be used is told, put aside, and old some day', async () => {
  await leave('left~00', 4, '');
  expect(await folder.takeOver(nothing)).toEqual([]);
  expect(await readdir(root)).toEqual([]);
  await leave('left~01', 5);
  await leave('left~02', 6, '{}');
  const told: unknown[] = [];
  expect(await folder.takeOver((error) => told.push(error))).toEqual([]);
  expect(told).toHaveLength(2);
  expect(told.map(String)).toContain('Error: 5 of 6 bytes of unheard audio are there');
  await folder.put(leftover, whole());
  const names = await readdir(root);
  expect(names.map((name) => name.split('~')[0]).sort()).toEqual(['bad', 'bad', 'own']);
  expect(await another().takeOver(nothing)).toEqual([]);
  await folder.removeOld(Date.now() - 60_000);
  expect(await readdir(root)).toHaveLength(3);
  await folder.removeOld(Date.now() + 60_000);
  expect((await readdir(root)).map((name) => name.split('~')[0])).toEqual(['own']);
});
