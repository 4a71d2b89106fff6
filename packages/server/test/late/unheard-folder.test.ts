/** Audio that nobody heard, on a disk that takes it, or does not. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Leftover } from '../../src/late/leftover.ts';
import { UnheardFolder } from '../../src/late/unheard-folder.ts';

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
  anchors: [{ streamMs: 0, offsetMs: 0 }],
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
