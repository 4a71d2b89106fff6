import { expect, test, vi } from 'vitest';
import { ephemeralMessage, type Message } from '../../src/bus/message.ts';
import { LogFollower } from '../../src/viewers/log-follower.ts';
import { batchOf } from '../../src/viewers/room.ts';
import { finalMessage, partialEvent, statusMessage, ts } from '../support/entries.ts';

const partial = (segmentNo: number, text: string, source: 'mic' | 'system' = 'mic') =>
  ephemeralMessage(partialEvent(segmentNo, text, source));

const storage = (status: string) =>
  ephemeralMessage({ type: 'status', meeting_id: 'm', ts, status, message: '' });

const level = ephemeralMessage({
  type: 'audio.level',
  meeting_id: 'm',
  ts,
  source: 'mic',
  rms_dbfs: -20,
  peak_dbfs: -10,
  clipped: false,
  speech: true,
});

const deliver = (follower: LogFollower, ...messages: Message[]) => follower.deliver(batchOf(messages));

test('[REST11] only the newest of what goes by waits for a reader', () => {
  const follower = new LogFollower();
  deliver(follower, partial(1, 'a'), partial(2, 'x', 'system'), finalMessage(1), partial(1, 'a b'));
  deliver(follower, storage('degraded'), storage('recovered'), level);
  expect(follower.takePassing().map(({ text }) => text)).toEqual([
    partial(2, 'x', 'system').text,
    partial(1, 'a b').text,
    storage('recovered').text,
  ]);
  expect(follower.takePassing()).toEqual([]);
});

test('[REST11] segments of no source do not take each other’s place', () => {
  const follower = new LogFollower();
  const sourceless = (segmentNo: number) => ephemeralMessage({ ...partialEvent(segmentNo, 'a'), meta: {} });
  deliver(follower, sourceless(1), sourceless(2), sourceless(1));
  expect(follower.takePassing().map(({ segmentNo }) => segmentNo)).toEqual([2, 1]);
});

test('[REST13] a wait ends with what came, before it or in it, and is then as before', async () => {
  vi.useFakeTimers();
  try {
    const follower = new LogFollower();
    deliver(follower, statusMessage(1));
    expect(await follower.wait(1_000)).toBe('something');
    const waiting = follower.wait(1_000);
    follower.behind();
    expect(await waiting).toBe('something');
    expect(vi.getTimerCount()).toBe(0);
    const idle = follower.wait(1_000);
    deliver(follower, level);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await idle).toBe('nothing');
  } finally {
    vi.useRealTimers();
  }
});

test('[LOG9] that the log is another one stays known, whatever else comes', async () => {
  const follower = new LogFollower();
  const waiting = follower.wait(60_000);
  follower.restart();
  follower.wake();
  expect(await waiting).toBe('restarted');
  expect(await follower.wait(60_000)).toBe('restarted');
});
