import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AudioRing } from '../../src/recovery/audio-ring.ts';
import type { OpenFile } from '../../src/recovery/spool-file.ts';
import { seeded } from '../support/random.ts';

const format = { sampleRate: 1_000, channels: 1 }; // 2 000 bytes a second

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ring-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Bytes that say where they stand. */
const stretch = (from: number, length: number) =>
  Uint8Array.from({ length }, (_, place) => ((from + place) * 7919) >>> 5);

async function readAll(ring: AudioRing, from: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let at = from; at < ring.end; ) {
    const piece = await ring.read(at, 700);
    expect(piece.length).toBeGreaterThan(0);
    pieces.push(piece);
    at += piece.length;
  }
  return Buffer.concat(pieces);
}

test('whatever is appended in whatever pieces comes out again, from memory and from the file', async () => {
  const random = seeded(1);
  const ring = new AudioRing(format, { memoryMs: 3_000, keptMs: 60_000, folder });
  while (ring.end < 60_000) {
    void ring.append(stretch(ring.end, 1 + Math.floor(random() * 5_000)));
    if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  for (const from of [0, 1, 1_999, 2_000, 31_234, ring.end - 1]) {
    expect(Buffer.compare(await readAll(ring, from), stretch(from, ring.end - from))).toBe(0);
  }
  await ring.close();
});

test('what was released, or is past the bound, has gone; the file’s room is used again', async () => {
  const ring = new AudioRing(format, { memoryMs: 2_000, keptMs: 10_000, folder });
  for (let round = 0; round < 100; round += 1) {
    void ring.append(stretch(ring.end, 2_000));
    await ring.read(ring.start, 10);
    if (round % 10 === 9) {
      expect(ring.end - ring.start).toBeLessThanOrEqual(22_000);
      expect(
        Buffer.compare(await readAll(ring, ring.start), stretch(ring.start, ring.end - ring.start)),
      ).toBe(0);
    }
  }
  expect(ring.start).toBe(ring.end - 20_000);
  ring.release(ring.end - 5);
  expect(ring.start).toBe(ring.end - 5);
  ring.release(0);
  expect(ring.start).toBe(ring.end - 5);
  void ring.append(stretch(ring.end, 10));
  expect(await readAll(ring, ring.start)).toEqual(Buffer.from(stretch(ring.start, 15)));
  await ring.close();
});

test('the file has no name while it is used, and none is left', async () => {
  const ring = new AudioRing(format, { memoryMs: 2_000, keptMs: 60_000, folder });
  for (let round = 0; round < 20; round += 1) void ring.append(stretch(ring.end, 2_000));
  await readAll(ring, 0);
  await expect.poll(() => readdirSync(folder)).toEqual([]);
  void ring.append(stretch(ring.end, 8_000));
  await ring.close();
  void ring.append(stretch(0, 10));
  expect([readdirSync(folder), ring.end - ring.start]).toEqual([[], 0]);
});

test('where the disk refuses, the memory is the bound, and each refusal is told', async () => {
  const { refusals, ring, grow } = refusable({ folder: join(folder, 'absent') });
  await grow(50);
  expect(ring.end - ring.start).toBeGreaterThanOrEqual(8_000);
  expect(ring.end - ring.start).toBeLessThanOrEqual(16_000);
  expect(Buffer.compare(await readAll(ring, ring.start), stretch(ring.start, ring.end - ring.start))).toBe(0);
  expect(refusals.at(-1)).toMatchObject({ code: 'ENOENT' });
  await ring.close();
});

test('where no more is kept than fits into the memory no file is made', async () => {
  const ring = new AudioRing(format, { memoryMs: 4_000, keptMs: 4_000, folder: join(folder, 'absent') });
  for (let round = 0; round < 50; round += 1) void ring.append(stretch(ring.end, 1_999));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(Buffer.compare(await readAll(ring, ring.start), stretch(ring.start, ring.end - ring.start))).toBe(0);
  expect(ring.end - ring.start).toBe(8_000);
  await ring.close();
});

test('the disk is tried again with each block: nothing falls off after one that it refused', async () => {
  const trouble = { refusing: 0 };
  const { refusals, ring, grow } = refusable({
    openFile: troubledDisk(() => trouble.refusing-- > 0),
  });
  await grow(10);
  trouble.refusing = 1;
  await grow(1);
  expect(refusals).toHaveLength(1);
  await grow(10);
  expect([refusals.length, ring.start]).toEqual([1, 0]);
  expect(Buffer.compare(await readAll(ring, 0), stretch(0, ring.end))).toBe(0);
  await ring.close();
});

test('a folder that comes back is used again', async () => {
  const late = join(folder, 'late');
  writeFileSync(late, '');
  const { refusals, ring, grow } = refusable({ folder: late });
  await grow(20);
  expect(refusals.at(-1)).toMatchObject({ code: 'ENOTDIR' });
  rmSync(late);
  mkdirSync(late);
  const { start } = ring;
  const { length } = refusals;
  await grow(20);
  expect([refusals.length, ring.start]).toEqual([length, start]);
  expect(Buffer.compare(await readAll(ring, start), stretch(start, ring.end - start))).toBe(0);
  await ring.close();
  expect(readdirSync(late)).toEqual([]);
});

test('on a full disk as much is kept as the file and the memory hold; the oldest falls off first', async () => {
  const { refusals, ring, grow } = refusable({ openFile: troubledDisk((end) => end > 10 * 2_000) });
  for (let round = 0; round < 10; round += 1) {
    await grow(7);
    expect(ring.end - ring.start).toBeLessThanOrEqual(18 * 2_000);
    expect(Buffer.compare(await readAll(ring, ring.start), stretch(ring.start, ring.end - ring.start))).toBe(
      0,
    );
  }
  expect(ring.end - ring.start).toBeGreaterThanOrEqual(14 * 2_000);
  expect(refusals.length).toBeGreaterThan(1);
  await ring.close();
});

test('room that becomes free while the full disk refuses is used before anything falls off', async () => {
  const { refusals, ring, grow } = refusable({ openFile: troubledDisk((end) => end > 10 * 2_000) });
  await grow(14);
  const refused = grow(1);
  ring.release(5 * 2_000);
  await refused;
  expect(refusals).toHaveLength(1);
  await grow(4);
  expect([refusals.length, ring.start]).toEqual([1, 5 * 2_000]);
  expect(Buffer.compare(await readAll(ring, ring.start), stretch(ring.start, ring.end - ring.start))).toBe(0);
  await ring.close();
});

test('a disk that takes nothing any more does not make the memory grow', async () => {
  const disk = { isBroken: false };
  const { ring, grow } = refusable({ openFile: troubledDisk(() => disk.isBroken) });
  await grow(20);
  disk.isBroken = true;
  await grow(1);
  expect(Buffer.compare(await readAll(ring, 0), stretch(0, ring.end))).toBe(0);
  await grow(20);
  expect(ring.end - ring.start).toBeLessThanOrEqual(16_000);
  await ring.close();
});

/** A ring of four blocks in memory and sixty in all, and what its disk refused. */
function refusable(given: { folder?: string; openFile?: OpenFile }) {
  const refusals: unknown[] = [];
  const onRefused = (error: unknown) => refusals.push(error);
  const options = { memoryMs: 4_000, keptMs: 60_000, folder: given.folder ?? folder, onRefused };
  const ring = new AudioRing(format, options, given.openFile);
  /** By whole blocks, each as slowly as the disk answers. */
  async function grow(blocks: number): Promise<void> {
    for (let count = 0; count < blocks; count += 1) {
      await ring.append(stretch(ring.end, 2_000));
    }
  }
  return { refusals, ring, grow };
}

/** A disk that refuses each write that is refused here; `end`: where in the file it would end. */
function troubledDisk(isRefused: (end: number) => boolean): OpenFile {
  return async (path, flags, mode) => {
    const file = await open(path, flags, mode);
    const write = async (bytes: Uint8Array, offset: number, length: number, at: number) => {
      if (isRefused(at + length)) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      return await file.write(bytes, offset, length, at);
    };
    return new Proxy(file, {
      get(target, name) {
        if (name === 'write') return write;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }) satisfies FileHandle;
  };
}
