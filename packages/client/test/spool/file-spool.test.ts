/** The spool in a folder: what it survives, what it refuses, how much room it takes. */
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
import { lock } from '../../src/spool/lock.ts';
import { counted, counting } from '../support/hub.ts';
import { readAll, session, spoolContract } from '../support/spool.ts';

// The disk of a busy machine may be slow.
vi.setConfig({ testTimeout: 60_000 });

async function newFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'meetcast-spool-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

function makeSpool(options = {}) {
  const path = newFolder();
  return { reopen: async () => fileSpool({ folder: join(await path, 'mic'), ...options }) };
}
spoolContract('file', makeSpool);
spoolContract('file, synced', () => makeSpool({ sync: true }));

/** A spool of three appends and two notes, closed; its only file's bytes. */
async function written(folder: string): Promise<{ path: string; bytes: Buffer }> {
  const spool = await fileSpool({ folder });
  await spool.note(session());
  for (let frame = 0; frame < 60; frame += 20) {
    await spool.append(counting(frame, 20));
    if (frame === 20) await spool.note(session({ start: 3 }));
  }
  await spool.close();
  const path = join(folder, '00000001.spool');
  return { path, bytes: await readFile(path) };
}

test('a file that was cut off at any byte holds what was whole before, and goes on behind that', async () => {
  const folder = await newFolder();
  const { path, bytes } = await written(folder);
  let most = 0;
  for (let length = 0; length <= bytes.length; length += 1) {
    await writeFile(path, bytes);
    await truncate(path, length);
    const spool = await fileSpool({ folder });
    const taken = spool.left?.takenBytes ?? 0;
    expect(taken).toBeGreaterThanOrEqual(most);
    expect([0, 40, 80, 120]).toContain(taken);
    most = taken;
    const frames = taken / 2;
    await spool.note(session());
    await spool.append(counting(frames, 5));
    await spool.close();
    const again = await fileSpool({ folder });
    expect(counted(await readAll(again, 0, taken + 10))).toEqual({ from: 0, frames: frames + 5 });
    await again.remove();
    await mkdir(folder, { recursive: true });
  }
  expect(most).toBe(120);
});

test('a file with any changed byte is refused, with what to do, and stays as it is', async () => {
  const folder = await newFolder();
  const { path, bytes } = await written(folder);
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
    await writeFile(path, changed);
    await expect(fileSpool({ folder }), `byte ${at}`).rejects.toThrow(
      /00000001\.spool is damaged at byte \d+\. Nothing was removed\. Move the folder away/,
    );
    expect(Buffer.compare(await readFile(path), changed)).toBe(0);
  }
  await writeFile(path, bytes);
  await (await fileSpool({ folder })).remove();
});

/** Six megabytes in several files. */
async function writtenLong(folder: string) {
  const spool = await fileSpool({ folder });
  await spool.note(session());
  for (let frame = 0; frame < 3_000_000; frame += 20_000) void spool.append(counting(frame, 20_000));
  await spool.append(counting(3_000_000, 1));
  return spool;
}
const spoolFiles = async (folder: string) =>
  (await readdir(folder)).filter((name) => name.endsWith('.spool')).sort();

test('files leave the disk as their audio is stored; a missing or cut one in the middle is damage', async () => {
  const folder = await newFolder();
  const spool = await writtenLong(folder);
  const all = await spoolFiles(folder);
  expect(all.length).toBeGreaterThanOrEqual(5);
  for (const name of all) expect((await stat(join(folder, name))).size).toBeLessThan(1_400_000);
  await spool.note(session({ start: 2_000_000 }));
  await spool.forget(4_000_000);
  const rest = await spoolFiles(folder);
  expect(rest.length).toBeLessThanOrEqual(3);
  await expect(spool.read(0)).rejects.toThrow(/no audio at 0/);
  expect(counted(await readAll(spool, 4_000_000, 6_000_002)).frames).toBe(1_000_001);
  await spool.close();

  const again = await fileSpool({ folder });
  expect(again.left).toMatchObject({ session: { start: 2_000_000 }, takenBytes: 6_000_002 });
  await expect(again.read(0)).rejects.toThrow(/no audio at 0/);
  expect(counted(await readAll(again, 4_000_000, 6_000_002)).frames).toBe(1_000_001);
  await again.close();
  const middle = join(folder, rest[1] ?? '');
  const bytes = await readFile(middle);
  await truncate(middle, bytes.length - 1);
  await expect(fileSpool({ folder })).rejects.toThrow(/is damaged at byte/);
  await rm(middle);
  await expect(fileSpool({ folder })).rejects.toThrow(/is not what followed the file before it/);
});

test('a file ends at its length however slowly it grows', async () => {
  const folder = await newFolder();
  const spool = await fileSpool({ folder });
  await spool.note(session());
  for (let frame = 0; frame < 1_500_000; frame += 50_000) await spool.append(counting(frame, 50_000));
  const all = await spoolFiles(folder);
  expect(all.length).toBe(3);
  for (const name of all) expect((await stat(join(folder, name))).size).toBeLessThan(1_400_000);
  await spool.remove();
});

test('a file that a killed process had only just begun is begun again, at every later start', async () => {
  const folder = await newFolder();
  await (await writtenLong(folder)).close();
  const last = join(folder, (await spoolFiles(folder)).at(-1) ?? '');
  await truncate(last, 3);
  let taken = 0;
  for (let round = 0; round < 3; round += 1) {
    const spool = await fileSpool({ folder });
    if (round > 0) expect(spool.left?.takenBytes).toBe(taken);
    taken = (spool.left?.takenBytes ?? 0) + 20;
    await spool.append(counting(taken / 2 - 10, 10));
    expect(counted(await readAll(spool, 0, taken))).toEqual({ from: 0, frames: taken / 2 });
    await spool.close();
  }
});

test('what is changed while it is in use is not read, and is not taken for the end', async () => {
  const folder = await newFolder();
  const spool = await fileSpool({ folder });
  await spool.note(session());
  await spool.append(counting(0, 20));
  const path = join(folder, '00000001.spool');
  const bytes = await readFile(path);
  bytes[bytes.length - 1] = 1 ^ (bytes.at(-1) ?? 0);
  await writeFile(path, bytes);
  await expect(spool.read(0)).rejects.toThrow(/is damaged at byte/);
  await spool.close();
});

/** The files below a folder that this process has open. */
async function openIn(folder: string): Promise<string[]> {
  const handles = await readdir('/proc/self/fd');
  const paths = await Promise.all(handles.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return paths.filter((path) => path.startsWith(folder));
}

test.skipIf(process.platform !== 'linux')('it has one file open, and none at its end', async () => {
  const folder = await newFolder();
  for (const end of ['close', 'remove'] as const) {
    const spool = await fileSpool({ folder: join(folder, end), sync: true });
    await spool.note(session());
    await spool.append(new Uint8Array(3_000_000));
    expect(await openIn(folder)).toEqual([expect.stringMatching(/\.spool$/)]);
    await spool[end]();
    expect(await openIn(folder)).toEqual([]);
  }
});

test('a synced one waits for the disk: when a file begins, and at each write', async () => {
  const folder = await newFolder();
  const handle = await open(folder);
  const sync = vi.spyOn(Object.getPrototypeOf(handle), 'sync');
  const datasync = vi.spyOn(Object.getPrototypeOf(handle), 'datasync');
  onTestFinished(async () => {
    vi.restoreAllMocks();
    await handle.close();
  });
  const calls = () => [sync.mock.calls.length, datasync.mock.calls.length];
  const spool = await fileSpool({ folder: join(folder, 'synced'), sync: true });
  await spool.note(session());
  expect(calls()).toEqual([1, 1]);
  await spool.append(counting(0, 10));
  expect(calls()).toEqual([1, 2]);
  await spool.remove();
  const other = await fileSpool({ folder: join(folder, 'not') });
  await other.note(session());
  await other.remove();
  expect(calls()).toEqual([1, 2]);
});

test('every file knows of the session: those before it may leave the disk without another note', async () => {
  const folder = await newFolder();
  const spool = await writtenLong(folder);
  await spool.forget(4_000_000);
  await spool.close();
  const again = await fileSpool({ folder });
  expect(again.left).toEqual({ session: session(), takenBytes: 6_000_002 });
  expect(counted(await readAll(again, 4_000_000, 6_000_002)).frames).toBe(1_000_001);
  await again.remove();
});

test('audio that does not follow the file before it, or without a session, is damage', async () => {
  const folder = await newFolder();
  await (await writtenLong(folder)).close();
  const [, second = '', third = ''] = await spoolFiles(folder);
  await writeFile(join(folder, second), await readFile(join(folder, third)));
  await expect(fileSpool({ folder })).rejects.toThrow(/is not what followed the file before it/);
  const other = await newFolder();
  const spool = await fileSpool({ folder: other });
  await spool.append(counting(0, 10));
  await spool.close();
  await expect(fileSpool({ folder: other })).rejects.toThrow(/without its beginning/);
});

test('where all of two channels is stored, as much was taken as is stored', async () => {
  const folder = await newFolder();
  const spool = await fileSpool({ folder });
  await spool.note(session({ channels: 2, start: 100 }));
  await spool.close();
  expect((await fileSpool({ folder })).left?.takenBytes).toBe(400);
});

test('what was asked for before the end is done before it', async () => {
  const folder = await newFolder();
  const spool = await fileSpool({ folder });
  void spool.note(session());
  void spool.append(new Uint8Array(3_000_000));
  await spool.close();
  const again = await fileSpool({ folder });
  expect(again.left?.takenBytes).toBe(3_000_000);
  void again.append(new Uint8Array(3_000_000));
  await again.remove();
  expect((await fileSpool({ folder })).left).toBeUndefined();
});

test('after everything is stored the next file is where the audio is', async () => {
  const folder = await newFolder();
  const spool = await writtenLong(folder);
  await spool.note(session({ start: 3_000_001 }));
  await spool.forget(6_000_002);
  expect((await spoolFiles(folder)).length).toBe(1);
  await spool.close();
  for (let round = 0; round < 3; round += 1) {
    const again = await fileSpool({ folder });
    expect(again.left?.takenBytes).toBe(6_000_002 + round * 20);
    await again.append(counting(0, 10));
    await again.close();
  }
});

test('a second process is refused and told who is first; a dead one, or another one with its id, is not in the way', async () => {
  const folder = await newFolder();
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await once(child, 'spawn');
  const spool = await fileSpool({ folder });
  await expect(fileSpool({ folder })).rejects.toMatchObject({
    name: 'SpoolError',
    code: 'locked',
    message: expect.stringContaining(`in use by process ${process.pid} of`),
  });
  const [mine = ''] = (await readdir(folder)).filter((name) => name.startsWith('lock'));
  await spool.note(session());
  await spool.close();
  const put = (name: string) => writeFile(join(folder, name), '');
  // The id belongs to somebody who was born later than the holder.
  await put(mine.replace(`~${process.pid}~`, `~${child.pid}~`));
  await put(mine.replace(/\.\d+~/, '.1~'));
  await (await fileSpool({ folder })).close();
  expect((await readdir(folder)).filter((name) => name.startsWith('lock'))).toEqual([]);
  child.kill('SIGKILL');
});

test('a holder on another machine is believed while its lock is fresh', async () => {
  const folder = await newFolder();
  const path = join(folder, 'lock~1~~elsewhere~00ff');
  await writeFile(path, '');
  await expect(fileSpool({ folder })).rejects.toThrow(/process 1 of elsewhere/);
  const old = new Date(Date.now() - 60_000);
  await utimes(path, old, old);
  await (await fileSpool({ folder })).close();
});

test('a holder keeps its lock fresh for those on other machines', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const folder = await newFolder();
  const spool = await fileSpool({ folder });
  const [name = ''] = (await readdir(folder)).filter((each) => each.startsWith('lock'));
  const old = new Date(Date.now() - 60_000);
  await utimes(join(folder, name), old, old);
  await vi.advanceTimersByTimeAsync(5_000);
  const age = async () => Date.now() - (await stat(join(folder, name))).mtimeMs;
  await vi.waitFor(async () => expect(await age()).toBeLessThan(30_000), { timeout: 30_000 });
  await spool.close();
  expect(vi.getTimerCount()).toBe(0);
});

test('of many that start at once on what a dead one left, never two get in, and one does', async () => {
  const folder = await newFolder();
  await writeFile(join(folder, `lock~999999999~x~${encodeURIComponent(hostname())}~00`), '');
  for (let round = 0; round < 10; round += 1) {
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => lock(folder)));
    const inside = outcomes.filter((outcome) => typeof outcome === 'function');
    expect(inside.length).toBeLessThanOrEqual(1);
    for (const unlock of inside) await unlock();
    const next = await lock(folder);
    if (typeof next !== 'function') throw new Error('a free spool is refused');
    await next();
  }
});

test('what was left of something else is refused', async () => {
  const folder = await newFolder();
  const spool = await fileSpool({ folder, label: 'a.wav' });
  await spool.note(session());
  await spool.close();
  await expect(fileSpool({ folder, label: 'b.wav' })).rejects.toMatchObject({
    code: 'foreign',
    message: expect.stringContaining('what is left of "a.wav", not of "b.wav"'),
  });
  await expect(fileSpool({ folder })).rejects.toMatchObject({ code: 'foreign' });
  await (await fileSpool({ folder, label: 'a.wav' })).remove();
});

test('what else is in the folder stays', async () => {
  const folder = await newFolder();
  const others = ['00000001.spool.bak', 'notes.txt', 'x00000001.spool'];
  for (const name of others) await writeFile(join(folder, name), 'mine');
  const spool = await fileSpool({ folder });
  await spool.note(session());
  await spool.remove();
  expect((await readdir(folder)).sort()).toEqual(others);
  await expect(fileSpool({ folder: join(folder, 'notes.txt') })).rejects.toThrow();
});

test('after a write that failed none is done: there is no hole', async () => {
  const folder = await newFolder();
  const spool = await fileSpool({ folder });
  await spool.note(session());
  await spool.append(counting(0, 10));
  // The next file cannot be made, for its name is taken.
  await writeFile(join(folder, '00000002.spool'), '');
  const audio = new Uint8Array(1_500_000);
  await expect(spool.append(audio)).rejects.toThrow(/EEXIST/);
  await rm(join(folder, '00000002.spool'));
  await expect(spool.append(counting(10, 10))).rejects.toThrow(/EEXIST/);
  await spool.close();
});

test('options are an object with a folder; a misspelt one is named, and nothing is made', async () => {
  const folder = join(await newFolder(), 'mic');
  const refusal = (options: unknown) =>
    fileSpool(options as { folder: string }).catch((error: TypeError) => `${error.name}: ${error.message}`);
  expect(await refusal('./mic.spool')).toBe(
    'TypeError: fileSpool takes its options as an object: write fileSpool({ folder: "./mic.spool" })',
  );
  expect(await refusal({ folder, synch: true })).toBe(
    'TypeError: fileSpool: unknown option synch; did you mean sync?',
  );
  for (const missing of [{}, { folder: '' }, { folder: 1 }, undefined]) {
    expect(await refusal(missing)).toBe(
      'TypeError: fileSpool needs a folder: write fileSpool({ folder: "./mic.spool" })',
    );
  }
  await expect(stat(folder)).rejects.toThrow('ENOENT');
});
