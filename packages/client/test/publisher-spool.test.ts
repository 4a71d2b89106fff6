/** A sender with a spool, against a scripted hub: what is sent when, and what the next process does with what is left. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Publisher, type PublishOptions, publish, type Spool } from '@meetcast/client';
import { fileSpool } from '@meetcast/client/file-spool';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  connectionOf,
  counted,
  counting,
  heard,
  type Peer,
  type ScriptedHub,
  scriptedHub,
  status,
} from './support/hub.ts';

vi.setConfig({ testTimeout: 30_000 });

let hub: ScriptedHub;
let folder: string;
let open: Publisher[];

beforeEach(async () => {
  hub = await scriptedHub();
  folder = await mkdtemp(join(tmpdir(), 'meetcast-spool-'));
  open = [];
});
afterEach(async () => {
  for (const publisher of open) publisher.close();
  await Promise.all(open.map(({ closed }) => closed));
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});

/** Nobody listens there. */
const nowhere = 'http://127.0.0.1:9';
const openSpool = () => fileSpool({ folder: join(folder, 'mic') });

function send(spool: Spool, options: Partial<PublishOptions> = {}): Publisher {
  const publisher = publish({
    url: hub.url,
    meeting: 'm',
    token: 't1',
    source: 'mic',
    sampleRate: 8_000,
    backoff: { minMs: 10, maxMs: 20 },
    spool,
    ...options,
  });
  open.push(publisher);
  return publisher;
}

async function accepted(resumeFromMs = 0, epoch = 'e1', sessionFromMs?: number) {
  const peer = await hub.peer();
  const handshake = await peer.next('handshake');
  peer.accept(resumeFromMs, epoch, sessionFromMs);
  return { peer, handshake };
}

/** Ends as a killed process does, but for its lock: nothing more is sent or written. */
async function stop(publisher: Publisher): Promise<void> {
  publisher.close();
  await publisher.closed;
}

const order = (peer: Peer) =>
  peer.arrived.slice(1).map((one) => (one instanceof Uint8Array ? one.length / 2 : (one.on ?? one.type)));
const ended = status('ended', { seq: 9, details: { last_seq: 9 } });
const end = (peer: Peer) => {
  peer.send(ended);
  peer.socket.close(1000);
};

test('the next process goes on: session, place, what is not stored, commands, then what is new', async () => {
  const first = send(await openSpool());
  const { peer } = await accepted(5_000);
  await first.write(counting(0, 2_000));
  first.offRecord(true);
  await first.write(counting(2_000, 2_000));
  first.offRecord(false);
  await first.write(counting(4_000, 4_000));
  first.flush();
  await peer.next('flush');
  peer.ack(6_000, 5_125);
  await expect.poll(() => first.bufferedMs).toBe(875);
  await stop(first);
  await expect.poll(() => peer.socket.readyState).toBe(peer.socket.CLOSED);
  expect(order(peer)).not.toContain('close');

  const spool = await openSpool();
  expect(spool.left).toMatchObject({ session: { id: first.sessionId }, takenBytes: 16_000 });
  const second = send(spool);
  expect([second.sessionId, second.durableMs, second.bufferedMs]).toEqual([first.sessionId, 5_125, 875]);
  await second.write(counting(8_000, 800));
  const done = second.finalize();
  const { peer: next, handshake } = await accepted(5_200); // More is stored than it knows.
  expect(handshake).toMatchObject({ session_id: first.sessionId, resume: true });
  await next.next('finalize');
  expect(counted(next.audio.slice(0, 800))).toEqual({ from: 1_600, frames: 400 });
  expect(counted(next.audio.slice(4_800))).toEqual({ from: 4_000, frames: 4_800 });
  // First of all it says that it is on the record there.
  expect(order(next)).toEqual([false, 400, true, 2_000, false, 4_000, 'flush', 800, 'finalize']);
  end(next);
  expect(await done).toMatchObject({ lastSeq: 9 });
  const empty = await openSpool();
  expect(empty.left).toBeUndefined();
  await empty.remove();
});

test('finalize of a process that ended before its end is said again by the next one', async () => {
  const first = send(await openSpool(), { url: nowhere });
  void first.write(counting(0, 800));
  void first.finalize().catch(() => {});
  await stop(first);
  const second = send(await openSpool());
  void second.write(counting(800, 800));
  const done = second.finalize();
  const { peer, handshake } = await accepted();
  expect(handshake).toMatchObject({ session_id: first.sessionId });
  // No hub ever gave it a place.
  expect(handshake).not.toHaveProperty('resume');
  await peer.next('finalize');
  expect(counted(peer.audio)).toEqual({ from: 0, frames: 1_600 });
  end(peer);
  await done;
  expect(order(peer).filter((one) => one === 'finalize')).toHaveLength(1);
});

test('in a new log, what is kept stands where the hub says', async () => {
  const first = send(await openSpool());
  const { peer } = await accepted(5_000, 'e1');
  await first.write(counting(0, 8_000));
  await expect.poll(() => peer.audio.length).toBe(16_000);
  peer.ack(6_000, 5_500);
  await expect.poll(() => first.bufferedMs).toBe(500);
  await stop(first);
  const second = send(await openSpool());
  const { peer: next } = await accepted(0, 'e2');
  await expect.poll(() => counted(next.audio)).toEqual({ from: 4_000, frames: 4_000 });
  next.ack(500, 250);
  await expect.poll(() => second.bufferedMs).toBe(250);
  await stop(second);
  send(await openSpool());
  const { peer: third } = await accepted(250, 'e2');
  await expect.poll(() => counted(third.audio)).toEqual({ from: 6_000, frames: 2_000 });
});

/** A spool whose writes wait for the test. */
function slow(spool: Spool) {
  const held: { what: string; go: () => void }[] = [];
  const hold = (what: string, write: () => Promise<void>) =>
    new Promise<void>((resolve) => held.push({ what, go: () => resolve(write()) }));
  const slowed: Spool = {
    ...asPlain(spool),
    note: (session) => hold('note', () => spool.note(session)),
    append: (audio) => hold('audio', () => spool.append(audio)),
  };
  const release = async (what: string) => {
    await expect.poll(() => held.map((one) => one.what)).toContain(what);
    for (const one of held.splice(0)) {
      if (one.what === what) one.go();
      else held.push(one);
    }
  };
  return { slowed, release };
}

const asPlain = (spool: Spool): Spool => ({
  left: spool.left,
  append: (audio) => spool.append(audio),
  note: (session) => spool.note(session),
  read: (at) => spool.read(at),
  forget: (before) => spool.forget(before),
  close: () => spool.close(),
  remove: () => spool.remove(),
});

test('the hub never has what the spool has not: neither audio nor its place', async () => {
  const { slowed, release } = slow(await openSpool());
  const publisher = send(slowed);
  await release('note');
  let isTaken = false;
  void publisher.write(counting(0, 800)).then(() => {
    isTaken = true;
  });
  publisher.flush();
  const { peer } = await accepted(1_000);
  await connectionOf(publisher, 'connected');
  const quiet = async () => {
    peer.socket.ping();
    await new Promise((resolve) => peer.socket.once('pong', resolve));
    return order(peer);
  };
  expect(await quiet()).toEqual([]);
  await release('audio');
  await expect.poll(() => isTaken).toBe(true);
  expect(await quiet()).toEqual([]);
  await release('note');
  await peer.next('flush');
  expect(order(peer)).toEqual([800, 'flush']);
  void publisher.write(counting(800, 800));
  expect(await quiet()).toEqual([800, 'flush']);
  await release('audio');
  await expect.poll(() => counted(peer.audio)).toEqual({ from: 0, frames: 1_600 });
});

test('a spool that cannot be written any more is told once, and the audio goes on from memory', async () => {
  const spool = await openSpool();
  const broken: Spool = { ...asPlain(spool), append: () => Promise.reject(new Error('the disk is full')) };
  const publisher = send(broken);
  const told = heard<Error>((listener) => publisher.on('spool', listener));
  await publisher.write(counting(0, 800));
  await publisher.write(counting(800, 800));
  expect(told.map(({ message }) => message)).toEqual(['the disk is full']);
  const done = publisher.finalize();
  const { peer } = await accepted();
  await peer.next('finalize');
  expect(counted(peer.audio)).toEqual({ from: 0, frames: 1_600 });
  end(peer);
  await done;
});

test('audio that cannot be read back ends the publisher, and says so', async () => {
  const first = send(await openSpool(), { url: nowhere });
  await first.write(counting(0, 8_000));
  await stop(first);
  const spool = await openSpool();
  const second = send({ ...asPlain(spool), read: () => Promise.reject(new Error('input/output error')) });
  const done = second.finalize();
  await accepted();
  await expect(done).rejects.toMatchObject({
    code: 'spool',
    message: 'the spool cannot be read: input/output error',
  });
  expect(await second.closed).toMatchObject({ status: 'failed', word: 'spool' });
  // What is in it stays.
  const third = await openSpool();
  expect(third.left?.takenBytes).toBe(16_000);
  await third.close();
});

test('what was left by another meeting, source or format is refused, and stays', async () => {
  await stop(send(await openSpool()));
  const spool = await openSpool();
  for (const other of [
    { meeting: 'n' },
    { source: 'system' },
    { sampleRate: 16_000 },
    { channels: 2 },
  ] as const)
    expect(() => send(spool, other)).toThrow(
      /holds what is left of "mic" of m at 8000 Hz .* finish that first/,
    );
  await stop(send(spool));
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

const minutes = 10;
test(`${minutes} minutes without a hub take little memory, and arrive whole`, async () => {
  const sampleRate = 16_000;
  const publisher = send(await openSpool(), { sampleRate, url: nowhere, backoff: {} });
  const memory = () => {
    collectGarbage();
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    return arrayBuffers + heapUsed;
  };
  let early = Number.POSITIVE_INFINITY;
  let most = 0;
  const total = minutes * 60 * sampleRate;
  for (let frame = 0; frame < total; frame += 1_600) {
    await publisher.write(counting(frame, 1_600));
    if (frame === 960_000) early = memory();
    if (frame > 960_000 && frame % 960_000 === 0) most = Math.max(most, memory() - early);
  }
  expect(publisher.bufferedMs).toBe(minutes * 60_000);
  // In memory it would be seventeen megabytes.
  expect(most).toBeLessThan(8_000_000);
  await stop(publisher);
  const second = send(await openSpool(), { sampleRate });
  const done = second.finalize();
  const { peer } = await accepted();
  await peer.next('finalize');
  expect(counted(peer.audio)).toEqual({ from: 0, frames: total });
  end(peer);
  await done;
});

test('the bound holds for a spool too: writers wait, and it is said', async () => {
  const publisher = send(await openSpool(), { maxBufferedMs: 1_000 });
  const overflows = heard((listener) => publisher.on('overflow', listener));
  let isTaken = false;
  await publisher.write(counting(0, 6_000));
  const waiting = publisher.write(counting(6_000, 6_000)).then(() => {
    isTaken = true;
  });
  const { peer } = await accepted();
  await expect.poll(() => counted(peer.audio).frames).toBe(12_000);
  expect(overflows).toEqual([{ bufferedMs: 1_500, maxBufferedMs: 1_000 }]);
  expect(isTaken).toBe(false);
  peer.ack(1_500, 1_000);
  await waiting;
});

test('a spool that failed leaves nothing once all it took is stored: its remains are not sent again', async () => {
  const spool = await openSpool();
  let isFull = false;
  const whileRoom = (write: () => Promise<void>) => (isFull ? Promise.reject(new Error('full')) : write());
  const first = send({
    ...asPlain(spool),
    append: (audio) => whileRoom(() => spool.append(audio)),
    note: (session) => whileRoom(() => spool.note(session)),
  });
  const { peer } = await accepted();
  await connectionOf(first, 'connected');
  await first.write(counting(0, 800));
  isFull = true;
  await first.write(counting(800, 800));
  await first.write(counting(1_600, 800));
  peer.ack(300, 99);
  await expect.poll(() => first.bufferedMs).toBe(201);
  expect(existsSync(join(folder, 'mic'))).toBe(true);
  peer.ack(300, 100);
  await expect.poll(() => existsSync(join(folder, 'mic'))).toBe(false);
  await first.write(counting(2_400, 800));
  await expect.poll(() => counted(peer.audio)).toEqual({ from: 0, frames: 3_200 });
  await stop(first);
  expect((await openSpool()).left).toBeUndefined();
});

test('[ING12] what a spool does not know to be heard is not sent again, what is new is, before or after the answer', async () => {
  const first = send(await openSpool());
  const { peer } = await accepted(1_000);
  await first.write(counting(0, 1_600));
  await expect.poll(() => peer.audio.length).toBe(3_200);
  await stop(first);
  // More was sent than is in it, and all that is stored, up to where the new audio would reach by the old count.
  const second = send(await openSpool());
  await second.write(counting(50_000, 1_600));
  const { peer: next } = await accepted(1_350, 'e1', 1_000);
  await expect.poll(() => counted(next.audio)).toEqual({ from: 50_000, frames: 1_600 });
  await second.write(counting(51_600, 800));
  await expect.poll(() => counted(next.audio)).toEqual({ from: 50_000, frames: 2_400 });
  next.ack(1_650, 1_450);
  await expect.poll(() => second.bufferedMs).toBe(200);
  next.socket.terminate();
  const { peer: last } = await accepted(1_500, 'e1', 1_000);
  await expect.poll(() => counted(last.audio)).toEqual({ from: 51_200, frames: 1_200 });
});

/** Everything that is in the spool's files. */
async function spooledBytes(): Promise<Buffer> {
  const names = (await readdir(join(folder, 'mic'))).filter((name) => name.endsWith('.spool'));
  return Buffer.concat(await Promise.all(names.map((name) => readFile(join(folder, 'mic', name)))));
}

test('[ING18] off the record, what was said is in no spool and on no wire: link up or down, replayed or restarted', async () => {
  const secret = (from: number) => Buffer.from(counting(from, 800));
  const first = send(await openSpool());
  const { peer } = await accepted();
  await connectionOf(first, 'connected');
  await first.write(counting(100, 800));
  first.offRecord(true);
  await first.write(counting(10_000, 800));
  peer.socket.terminate();
  await first.write(counting(11_000, 800));
  first.offRecord(false);
  await first.write(counting(900, 800));
  first.offRecord(true);
  const { peer: again } = await accepted();
  await expect.poll(() => again.audio.length).toBe(6_400);
  await stop(first);
  const second = send(await openSpool());
  await second.write(counting(12_000, 800));
  second.offRecord(false);
  await second.write(counting(1_700, 800));
  const { peer: last } = await accepted();
  await expect.poll(() => last.audio.length).toBe(9_600);

  const kept = [await spooledBytes(), Buffer.from(again.audio), Buffer.from(last.audio)];
  for (const bytes of [...kept, Buffer.from(peer.audio)])
    for (const from of [10_000, 11_000, 12_000])
      expect(bytes.includes(secret(from).subarray(0, 160))).toBe(false);
  // What is on the record is there, at its place.
  for (const bytes of kept) expect(bytes.includes(secret(100))).toBe(true);
  const silence = (ms: number) => new Uint8Array(ms * 16);
  const whole = [counting(100, 800), silence(200), counting(900, 800), silence(100), counting(1_700, 800)];
  expect(Buffer.compare(last.audio, Buffer.concat(whole))).toBe(0);
});
