/** The way of audio and commands to a socket, played by hand. */
import type { IngestUpstream } from '@meetcast/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Upload } from '../src/upload.ts';
import { counted, counting } from './support/hub.ts';

let unsentBytes: number;
let sent: (Uint8Array | IngestUpstream)[];
let upload: Upload;

beforeEach(() => {
  vi.useFakeTimers();
  unsentBytes = 0;
  sent = [];
  upload = new Upload(
    { sampleRate: 8_000, channels: 1 },
    {
      unsentBytes: () => unsentBytes,
      sendBytes: (bytes) => sent.push(bytes),
      send: (message) => sent.push(message),
      moved: () => {},
      note: () => undefined,
      failed: () => {},
    },
  );
});
afterEach(() => vi.useRealTimers());

const resume = (resumeFromMs: number, isNewLog: boolean) =>
  upload.resume({ resumeFromMs, sessionFromMs: undefined }, isNewLog);
const audio = () => counted(Buffer.concat(sent.filter((one) => one instanceof Uint8Array)));

test('[UP1] live audio travels in pieces of forty milliseconds, a backlog in the largest frames', () => {
  void upload.append(counting(0, 20_000));
  resume(0, true);
  for (let at = 20_000; at < 20_960; at += 80) void upload.append(counting(at, 80));
  expect(sent.map((one) => (one instanceof Uint8Array ? one.length / 2 : one))).toEqual([
    16_384, 3_616, 320, 320, 320,
  ]);
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

test('[UP2] a full socket is waited for, by a timer that ends with the connection', () => {
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

test('[UP3] what the hub asked for is sent, even if its words were stored meanwhile', () => {
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

test('[UP4] whoever was off the record stays off it when old audio is sent again, and comes back to it', () => {
  resume(0, true);
  void upload.append(counting(0, 800));
  upload.command({ type: 'off_record', on: true });
  void upload.append(counting(800, 800));
  upload.pause();
  sent = [];
  resume(50, false);
  const offRecord = (on: boolean) => ({ type: 'off_record', on });
  expect(sent.map((one) => (one instanceof Uint8Array ? one.length / 2 : one))).toEqual([
    offRecord(false),
    400,
    offRecord(true),
    800,
  ]);
  upload.forget(150);
  upload.pause();
  sent = [];
  resume(150, false);
  expect(sent[0]).toEqual(offRecord(true));
});

test('[UP5] a command is sent when it is out on this connection, not before', () => {
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
