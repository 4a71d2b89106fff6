/** The spool in a directory: what it survives, what it refuses, how much room it takes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileSpool } from '@meetcast/client/file-spool';
import { expect, onTestFinished, test, vi } from 'vitest';
import { lock } from '../src/spool/lock.ts';
import { counted, counting } from './support/hub.ts';
import { readAll, session, spoolContract } from './support/spool.ts';

// The disk of a busy machine may be slow.
vi.setConfig({ testTimeout: 60_000 });

async function newDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'meetcast-spool-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

function makeSpool(options = {}) {
  const path = newDirectory();
  return { reopen: async () => fileSpool(join(await path, 'mic'), options) };
}
spoolContract('file', makeSpool);
spoolContract('file, synced', () => makeSpool({ sync: true }));

/** A spool of three appends and two notes, closed; its only file's bytes. */
async function written(directory: string): Promise<{ path: string; bytes: Buffer }> {
  const spool = await fileSpool(directory);
  await spool.note(session());
  for (let frame = 0; frame < 60; frame += 20) {
    await spool.append(counting(frame, 20));
    if (frame === 20) await spool.note(session({ start: 3 }));
  }
  await spool.close();
  const path = join(directory, '00000001.spool');
  return { path, bytes: await readFile(path) };
}

test('a file that was cut off at any byte holds what was whole before, and goes on behind that', async () => {
  const directory = await newDirectory();
  const { path, bytes } = await written(directory);
  let most = 0;
  for (let length = 0; length <= bytes.length; length += 1) {
    await writeFile(path, bytes);
    await truncate(path, length);
    const spool = await fileSpool(directory);
    const taken = spool.left?.takenBytes ?? 0;
    expect(taken).toBeGreaterThanOrEqual(most);
    expect([0, 40, 80, 120]).toContain(taken);
    most = taken;
    const frames = taken / 2;
    await spool.note(session());
    await spool.append(counting(frames, 5));
    await spool.close();
    const again = await fileSpool(directory);
    expect(counted(await readAll(again, 0, taken + 10))).toEqual({ from: 0, frames: frames + 5 });
    await again.remove();
    await mkdir(directory, { recursive: true });
  }
  expect(most).toBe(120);
});

test('a file with any changed byte is refused, with what to do, and stays as it is', async () => {
  const directory = await newDirectory();
  const { path, bytes } = await written(directory);
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
    await writeFile(path, changed);
    await expect(fileSpool(directory), `byte ${at}`).rejects.toThrow(
      /00000001\.spool is damaged at byte \d+\. Nothing was removed\. Move the directory away/,
    );
    expect(Buffer.compare(await readFile(path), changed)).toBe(0);
  }
  await writeFile(path, bytes);
  await (await fileSpool(directory)).remove();
});

/** Six megabytes in several files. */
async function writtenLong(directory: string) {
  const spool = await fileSpool(directory);
  await spool.note(session());
  for (let frame = 0; frame < 3_000_000; frame += 20_000) void spool.append(counting(frame, 20_000));
  await spool.append(counting(3_000_000, 1));
  return spool;
}
const spoolFiles = async (directory: string) =>
  (await readdir(directory)).filter((name) => name.endsWith('.spool')).sort();

test('files leave the disk as their audio is stored; a missing or cut one in the middle is damage', async () => {
  const directory = await newDirectory();
  const spool = await writtenLong(directory);
  const all = await spoolFiles(directory);
  expect(all.length).toBeGreaterThanOrEqual(5);
  for (const name of all) expect((await stat(join(directory, name))).size).toBeLessThan(1_400_000);
  await spool.note(session({ start: 2_000_000 }));
  await spool.forget(4_000_000);
  const rest = await spoolFiles(directory);
  expect(rest.length).toBeLessThanOrEqual(3);
  await expect(spool.read(0)).rejects.toThrow(/no audio at 0/);
  expect(counted(await readAll(spool, 4_000_000, 6_000_002)).frames).toBe(1_000_001);
  await spool.close();

  const again = await fileSpool(directory);
  expect(again.left).toMatchObject({ session: { start: 2_000_000 }, takenBytes: 6_000_002 });
  await expect(again.read(0)).rejects.toThrow(/no audio at 0/);
  expect(counted(await readAll(again, 4_000_000, 6_000_002)).frames).toBe(1_000_001);
  await again.close();
  const middle = join(directory, rest[1] ?? '');
  const bytes = await readFile(middle);
  await truncate(middle, bytes.length - 1);
  await expect(fileSpool(directory)).rejects.toThrow(/is damaged at byte/);
  await rm(middle);
  await expect(fileSpool(directory)).rejects.toThrow(/is not what followed the file before it/);
});

test('a file ends at its length however slowly it grows', async () => {
  const directory = await newDirectory();
  const spool = await fileSpool(directory);
  await spool.note(session());
  for (let frame = 0; frame < 1_500_000; frame += 50_000) await spool.append(counting(frame, 50_000));
  const all = await spoolFiles(directory);
  expect(all.length).toBe(3);
  for (const name of all) expect((await stat(join(directory, name))).size).toBeLessThan(1_400_000);
  await spool.remove();
});

test('a file that a killed process had only just begun is begun again, at every later start', async () => {
  const directory = await newDirectory();
  await (await writtenLong(directory)).close();
  const last = join(directory, (await spoolFiles(directory)).at(-1) ?? '');
  await truncate(last, 3);
  let taken = 0;
  for (let round = 0; round < 3; round += 1) {
    const spool = await fileSpool(directory);
    if (round > 0) expect(spool.left?.takenBytes).toBe(taken);
    taken = (spool.left?.takenBytes ?? 0) + 20;
    await spool.append(counting(taken / 2 - 10, 10));
    expect(counted(await readAll(spool, 0, taken))).toEqual({ from: 0, frames: taken / 2 });
    await spool.close();
  }
});

test('what is changed while it is in use is not read, and is not taken for the end', async () => {
  const directory = await newDirectory();
  const spool = await fileSpool(directory);
  await spool.note(session());
  await spool.append(counting(0, 20));
  const path = join(directory, '00000001.spool');
  const bytes = await readFile(path);
  bytes[bytes.length - 1] = 1 ^ (bytes.at(-1) ?? 0);
  await writeFile(path, bytes);
  await expect(spool.read(0)).rejects.toThrow(/is damaged at byte/);
  await spool.close();
});

/** The files below a directory that this process has open. */
async function openIn(directory: string): Promise<string[]> {
  const handles = await readdir('/proc/self/fd');
  const paths = await Promise.all(handles.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return paths.filter((path) => path.startsWith(directory));
}

test.skipIf(process.platform !== 'linux')('it has one file open, and none at its end', async () => {
  const directory = await newDirectory();
  for (const end of ['close', 'remove'] as const) {
    const spool = await fileSpool(join(directory, end), { sync: true });
    await spool.note(session());
    await spool.append(new Uint8Array(3_000_000));
    expect(await openIn(directory)).toEqual([expect.stringMatching(/\.spool$/)]);
    await spool[end]();
    expect(await openIn(directory)).toEqual([]);
  }
});

test('a synced one waits for the disk: when a file begins, and at each write', async () => {
  const directory = await newDirectory();
  const handle = await open(directory);
  const sync = vi.spyOn(Object.getPrototypeOf(handle), 'sync');
  const datasync = vi.spyOn(Object.getPrototypeOf(handle), 'datasync');
  onTestFinished(async () => {
    vi.restoreAllMocks();
    await handle.close();
  });
  const calls = () => [sync.mock.calls.length, datasync.mock.calls.length];
  const spool = await fileSpool(join(directory, 'synced'), { sync: true });
  await spool.note(session());
  expect(calls()).toEqual([1, 1]);
  await spool.append(counting(0, 10));
  expect(calls()).toEqual([1, 2]);
  await spool.remove();
  const other = await fileSpool(join(directory, 'not'));
  await other.note(session());
  await other.remove();
  expect(calls()).toEqual([1, 2]);
});

test('every file knows of the session: those before it may leave the disk without another note', async () => {
  const directory = await newDirectory();
  const spool = await writtenLong(directory);
  await spool.forget(4_000_000);
  await spool.close();
  const again = await fileSpool(directory);
  expect(again.left).toEqual({ session: session(), takenBytes: 6_000_002 });
  expect(counted(await readAll(again, 4_000_000, 6_000_002)).frames).toBe(1_000_001);
  await again.remove();
});

test('audio that does not follow the file before it, or without a session, is damage', async () => {
  const directory = await newDirectory();
  await (await writtenLong(directory)).close();
  const [, second = '', third = ''] = await spoolFiles(directory);
  await writeFile(join(directory, second), await readFile(join(directory, third)));
  await expect(fileSpool(directory)).rejects.toThrow(/is not what followed the file before it/);
  const other = await newDirectory();
  const spool = await fileSpool(other);
  await spool.append(counting(0, 10));
  await spool.close();
  await expect(fileSpool(other)).rejects.toThrow(/without its beginning/);
});

test('where all of two channels is stored, as much was taken as is stored', async () => {
  const directory = await newDirectory();
  const spool = await fileSpool(directory);
  await spool.note(session({ channels: 2, start: 100 }));
  await spool.close();
  expect((await fileSpool(directory)).left?.takenBytes).toBe(400);
});

test('what was asked for before the end is done before it', async () => {
  const directory = await newDirectory();
  const spool = await fileSpool(directory);
  void spool.note(session());
  void spool.append(new Uint8Array(3_000_000));
  await spool.close();
  const again = await fileSpool(directory);
  expect(again.left?.takenBytes).toBe(3_000_000);
  void again.append(new Uint8Array(3_000_000));
  await again.remove();
  expect((await fileSpool(directory)).left).toBeUndefined();
});

test('after everything is stored the next file is where the audio is', async () => {
  const directory = await newDirectory();
  const spool = await writtenLong(directory);
  await spool.note(session({ start: 3_000_001 }));
  await spool.forget(6_000_002);
  expect((await spoolFiles(directory)).length).toBe(1);
  await spool.close();
  for (let round = 0; round < 3; round += 1) {
    const again = await fileSpool(directory);
    expect(again.left?.takenBytes).toBe(6_000_002 + round * 20);
    await again.append(counting(0, 10));
    await again.close();
  }
});

test('a second process is refused and told who is first; a dead one, or another one with its id, is not in the way', async () => {
  const directory = await newDirectory();
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await once(child, 'spawn');
  const spool = await fileSpool(directory);
  await expect(fileSpool(directory)).rejects.toMatchObject({
    name: 'SpoolError',
    code: 'locked',
    message: expect.stringContaining(`in use by process ${process.pid} of`),
  });
  const [mine = ''] = (await readdir(directory)).filter((name) => name.startsWith('lock'));
  await spool.note(session());
  await spool.close();
  const put = (name: string) => writeFile(join(directory, name), '');
  // The id belongs to somebody who was born later than the holder.
  await put(mine.replace(`~${process.pid}~`, `~${child.pid}~`));
  await put(mine.replace(/\.\d+~/, '.1~'));
  await (await fileSpool(directory)).close();
  expect((await readdir(directory)).filter((name) => name.startsWith('lock'))).toEqual([]);
  child.kill('SIGKILL');
});

test('a holder on another machine is believed while its lock is fresh', async () => {
  const directory = await newDirectory();
  const path = join(directory, 'lock~1~~elsewhere~00ff');
  await writeFile(path, '');
  await expect(fileSpool(directory)).rejects.toThrow(/process 1 of elsewhere/);
  const old = new Date(Date.now() - 60_000);
  await utimes(path, old, old);
  await (await fileSpool(directory)).close();
});

test('a holder keeps its lock fresh for those on other machines', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const directory = await newDirectory();
  const spool = await fileSpool(directory);
  const [name = ''] = (await readdir(directory)).filter((each) => each.startsWith('lock'));
  const old = new Date(Date.now() - 60_000);
  await utimes(join(directory, name), old, old);
  await vi.advanceTimersByTimeAsync(5_000);
  const age = async () => Date.now() - (await stat(join(directory, name))).mtimeMs;
  await vi.waitFor(async () => expect(await age()).toBeLessThan(30_000), { timeout: 30_000 });
  await spool.close();
  expect(vi.getTimerCount()).toBe(0);
});

test('of many that start at once on what a dead one left, never two get in, and one does', async () => {
  const directory = await newDirectory();
  await writeFile(join(directory, `lock~999999999~x~${encodeURIComponent(hostname())}~00`), '');
  for (let round = 0; round < 10; round += 1) {
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => lock(directory)));
    const inside = outcomes.filter((outcome) => typeof outcome === 'function');
    expect(inside.length).toBeLessThanOrEqual(1);
    for (const unlock of inside) await unlock();
    const next = await lock(directory);
    if (typeof next !== 'function') throw new Error('a free spool is refused');
    await next();
  }
});

test('what was left of something else is refused', async () => {
  const directory = await newDirectory();
  const spool = await fileSpool(directory, { label: 'a.wav' });
  await spool.note(session());
  await spool.close();
  await expect(fileSpool(directory, { label: 'b.wav' })).rejects.toMatchObject({
    code: 'foreign',
    message: expect.stringContaining('what is left of "a.wav", not of "b.wav"'),
  });
  await expect(fileSpool(directory)).rejects.toMatchObject({ code: 'foreign' });
  await (await fileSpool(directory, { label: 'a.wav' })).remove();
});

test('what else is in the directory stays', async () => {
  const directory = await newDirectory();
  const others = ['00000001.spool.bak', 'notes.txt', 'x00000001.spool'];
  for (const name of others) await writeFile(join(directory, name), 'mine');
  const spool = await fileSpool(directory);
  await spool.note(session());
  await spool.remove();
  expect((await readdir(directory)).sort()).toEqual(others);
  await expect(fileSpool(join(directory, 'notes.txt'))).rejects.toThrow();
});

test('after a write that failed none is done: there is no hole', async () => {
  const directory = await newDirectory();
  const spool = await fileSpool(directory);
  await spool.note(session());
  await spool.append(counting(0, 10));
  // The next file cannot be made, for its name is taken.
  await writeFile(join(directory, '00000002.spool'), '');
  const audio = new Uint8Array(1_500_000);
  await expect(spool.append(audio)).rejects.toThrow(/EEXIST/);
  await rm(join(directory, '00000002.spool'));
  await expect(spool.append(counting(10, 10))).rejects.toThrow(/EEXIST/);
  await spool.close();
});
