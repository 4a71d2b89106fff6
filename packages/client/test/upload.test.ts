/** The way of audio and commands to a socket, played by hand. */
import type { IngestUpstream } from '@meetcast/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { GuardedSpool } from '../src/spool/guarded-spool.ts';
import type { Spool } from '../src/spool/spool.ts';
import { Upload, type UploadSpool } from '../src/upload.ts';
import { counted, counting } from './support/hub.ts';

const format = { sampleRate: 8_000, channels: 1 };

let unsentBytes: number;
let sent: (Uint8Array | IngestUpstream)[];
let upload: Upload;
let noted: () => Promise<void> | undefined;
let failures: string[];

beforeEach(() => {
  vi.useFakeTimers();
  unsentBytes = 0;
  sent = [];
  noted = () => undefined;
  failures = [];
  upload = newUpload();
});
afterEach(() => vi.useRealTimers());

const newUpload = (spool?: UploadSpool) =>
  new Upload(
    format,
    {
      unsentBytes: () => unsentBytes,
      sendBytes: (bytes) => sent.push(bytes),
      send: (message) => sent.push(message),
      moved: () => {},
      note: () => noted(),
      failed: ({ message }) => failures.push(message),
    },
    spool,
  );
const resume = (resumeFromMs: number, isNewLog: boolean) =>
  upload.resume({ resumeFromMs, sessionFromMs: undefined }, isNewLog);
const shown = () => sent.map((one) => (one instanceof Uint8Array ? one.length / 2 : one));
const audio = () => counted(Buffer.concat(sent.filter((one) => one instanceof Uint8Array)));

test('live audio travels in pieces of forty milliseconds, a backlog in the largest frames', () => {
  void upload.append(counting(0, 20_000));
  resume(0, true);
  for (let at = 20_000; at < 20_960; at += 80) void upload.append(counting(at, 80));
  expect(shown()).toEqual([16_384, 3_616, 320, 320, 320]);
  expect(audio()).toEqual({ from: 0, frames: 20_960 });
});

test('[ING8] a hub that takes smaller frames is sent smaller ones, live and from a backlog', () => {
  void upload.append(counting(0, 2_000));
  upload.limit(513);
  resume(0, true);
  void upload.append(counting(2_000, 320));
  const sizes = sent.map((one) => (one instanceof Uint8Array ? one.length : one));
  expect(sizes).toEqual(Array.from({ length: 9 }, () => 512));
  expect(audio()).toEqual({ from: 0, frames: 2_304 });
});

test('[ING8] a hub that would take larger frames than are usual is sent the usual ones', () => {
  upload.limit(1_000_000);
  void upload.append(counting(0, 20_000));
  resume(0, true);
  expect(shown()).toEqual([16_384, 3_616]);
});

test('a full socket is waited for, by a timer that ends with the connection', () => {
  resume(0, true);
  unsentBytes = 256 * 1024;
  void upload.append(counting(0, 8_000));
  expect([sent.length, upload.isBlocked, vi.getTimerCount()]).toEqual([0, true, 1]);
  unsentBytes = 0;
  vi.advanceTimersByTime(20);
  expect([audio().frames, upload.isBlocked, vi.getTimerCount()]).toEqual([8_000, false, 0]);
  unsentBytes = 256 * 1024;
  void upload.append(counting(8_000, 8_000));
  upload.pause();
  expect([upload.isBlocked, vi.getTimerCount()]).toEqual([false, 0]);
});

test('what the hub asked for is sent, even if its words were stored meanwhile', () => {
  void upload.append(counting(0, 8_000));
  unsentBytes = 256 * 1024;
  resume(0, true);
  upload.forget(500);
  expect(upload.keptMs).toBe(1_000);
  unsentBytes = 0;
  vi.advanceTimersByTime(20);
  expect(audio()).toEqual({ from: 0, frames: 8_000 });
  upload.forget(500);
  expect(upload.keptMs).toBe(500);
});

test('whoever was off the record stays off it when old audio is sent again, and comes back to it', () => {
  resume(0, true);
  void upload.append(counting(0, 800));
  upload.command({ type: 'off_record', on: true });
  void upload.append(counting(800, 800));
  upload.pause();
  sent = [];
  resume(50, false);
  const offRecord = (on: boolean) => ({ type: 'off_record', on });
  expect(shown()).toEqual([offRecord(false), 400, offRecord(true), 800]);
  upload.forget(150);
  upload.pause();
  sent = [];
  resume(150, false);
  expect(sent[0]).toEqual(offRecord(true));
});

test('a command is sent when it is out on this connection, not before', () => {
  void upload.append(counting(0, 800));
  unsentBytes = 256 * 1024;
  resume(0, true);
  const finalize = upload.command({ type: 'finalize' });
  expect(upload.hasSent(finalize)).toBe(false);
  unsentBytes = 0;
  vi.advanceTimersByTime(20);
  expect(upload.hasSent(finalize)).toBe(true);
  upload.pause();
  expect(upload.hasSent(finalize)).toBe(false);
});

test('what was sent once is known, however little of it is sent again before the next loss', () => {
  void upload.append(counting(0, 20_000));
  resume(0, true);
  upload.pause();
  void upload.append(counting(20_000, 800));
  sent = [];
  unsentBytes = 256 * 1024;
  resume(0, false);
  unsentBytes = 0;
  const send = sent.push.bind(sent);
  sent.push = (...some) => {
    unsentBytes = 256 * 1024;
    return send(...some);
  };
  vi.advanceTimersByTime(20);
  expect(audio()).toEqual({ from: 0, frames: 16_384 });
  upload.pause();
  [sent, unsentBytes] = [[], 0];
  resume(2_500, false);
  expect(audio()).toEqual({ from: 20_000, frames: 800 });
});

test('a command whose audio is stored is kept no longer, but for what it said of the record', () => {
  resume(0, true);
  upload.command({ type: 'off_record', on: true });
  upload.command({ type: 'flush' });
  void upload.append(counting(0, 1_600));
  upload.command({ type: 'flush' });
  upload.forget(100);
  expect(upload.note.commands).toEqual({
    last: 3,
    commands: [{ number: 3, frame: 1_600, message: { type: 'flush' } }],
    before: { type: 'off_record', on: true },
  });
});

/** Promises for the test to settle, in the order in which they were asked for. */
function asked<T>() {
  const open: { resolve: (value: T) => void; reject: (error: Error) => void }[] = [];
  const ask = () => new Promise<T>((resolve, reject) => open.push({ resolve, reject }));
  return { open, ask };
}

const placed = {
  start: 0,
  end: 800,
  commands: { last: 0, commands: [] },
  anchor: { frame: 0, ms: 0 },
};

/** The spool of an earlier process, which took so much. */
function leftIn(spool: Partial<Spool>, left: NonNullable<UploadSpool['left']> = placed): UploadSpool {
  const nothing = async () => {};
  const whole = { left: undefined, append: nothing, note: nothing, forget: nothing, close: nothing };
  const read = async () => new Uint8Array();
  const guarded = new GuardedSpool({ ...whole, read, remove: nothing, ...spool }, () => {});
  return { spool: guarded, left };
}

test('a connection that is lost while its place is noted sends nothing, also not on the next one', async () => {
  const notes = asked<void>();
  noted = notes.ask;
  void upload.append(counting(0, 800));
  resume(0, true);
  upload.pause();
  resume(0, true);
  notes.open[0]?.resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect(shown()).toEqual([]);
  notes.open[1]?.resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect(audio()).toEqual({ from: 0, frames: 800 });
});

test('audio that was being fetched for a lost connection is not sent on the next one', async () => {
  const reads = asked<Uint8Array<ArrayBuffer>>();
  upload = newUpload(leftIn({ read: reads.ask }));
  resume(0, false);
  upload.pause();
  resume(0, false);
  reads.open[0]?.resolve(counting(0, 800));
  await vi.advanceTimersByTimeAsync(0);
  expect(shown()).toEqual([]);
  reads.open[1]?.resolve(counting(0, 800));
  await vi.advanceTimersByTimeAsync(0);
  expect(audio()).toEqual({ from: 0, frames: 800 });
});

test('audio that cannot be fetched is of no matter once its connection is lost', async () => {
  const reads = asked<Uint8Array<ArrayBuffer>>();
  upload = newUpload(leftIn({ read: reads.ask }));
  resume(0, false);
  upload.pause();
  reads.open[0]?.reject(new Error('the disk is asleep'));
  await vi.advanceTimersByTimeAsync(0);
  expect(failures).toEqual([]);
});

test('the spool lets go of audio only after it was noted where the rest begins', async () => {
  const told: string[] = [];
  const forget = async () => void told.push('forget');
  upload = newUpload(leftIn({ forget }));
  noted = async () => void told.push(`note ${upload.note.start}`);
  resume(0, false);
  upload.pause();
  upload.forget(50);
  await vi.advanceTimersByTimeAsync(0);
  expect(told).toEqual(['note 0', 'note 400', 'forget']);
});

test('a hub that may remember more than the spool does is told again of the record', async () => {
  const offRecord = (number: number, frame: number, on: boolean) =>
    ({ number, frame, message: { type: 'off_record', on } }) as const;
  const commands = { last: 2, commands: [offRecord(1, 400, true), offRecord(2, 800, false)] };
  const read = async () => counting(0, 800);
  upload = newUpload(leftIn({ read }, { start: 0, end: 800, commands }));
  expect(upload.claim).toEqual({ resume_if_known: true });
  resume(0, true);
  await vi.advanceTimersByTimeAsync(0);
  const [off, on] = commands.commands.map(({ message }) => message);
  expect(shown()).toEqual([on, 400, off, 400, on]);
});

test('a command is noted at once: who is on the record again is so after a restart', () => {
  const told: unknown[] = [];
  noted = () => void told.push(upload.note.commands.commands.map(({ message }) => message));
  upload.command({ type: 'off_record', on: true });
  upload.command({ type: 'off_record', on: false });
  const [off, on] = [true, false].map((isOff) => ({ type: 'off_record', on: isOff }));
  expect(told).toEqual([[off], [off, on]]);
});
