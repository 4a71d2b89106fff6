import { expect, test } from 'vitest';
import { MeetingClock } from '../../src/transcription/meeting-clock.ts';
import { seeded } from '../support/random.ts';

const mono = { sampleRate: 16_000, channels: 1 };
const second = 32_000;

test('a stream that begins late in the meeting is that much behind it', () => {
  const clock = new MeetingClock(mono, 60_000);
  clock.forward(second);
  expect(clock.receivedMs).toBe(61_000);
  expect(clock.forwardedMs).toBe(1_000);
  expect([clock.startAt(250), clock.endAt(1_000)]).toEqual([60_250, 61_000]);
});

test('[ING18] what goes past the recognizer moves the meeting on and not the stream', () => {
  const clock = new MeetingClock(mono, 0);
  clock.forward(second);
  clock.skip(2 * second);
  clock.forward(second);
  expect([clock.receivedMs, clock.forwardedMs]).toEqual([4_000, 2_000]);
  expect(clock.startAt(500)).toBe(500);
  expect(clock.startAt(1_500)).toBe(3_500);
});

test('at a cut a word ends before it and the next one starts behind it', () => {
  const clock = new MeetingClock(mono, 100);
  clock.forward(second);
  clock.skip(second);
  clock.skip(second);
  clock.forward(second);
  expect(clock.endAt(1_000)).toBe(1_100);
  expect(clock.startAt(1_000)).toBe(3_100);
});

test('audio skipped before any was forwarded puts the first word behind it', () => {
  const clock = new MeetingClock(mono, 0);
  clock.skip(second);
  clock.forward(second);
  expect([clock.startAt(0), clock.startAt(400), clock.endAt(1_000)]).toEqual([1_000, 1_400, 2_000]);
});

test('[TIME2] an hour of 44.1 kHz frames ends on the sample, not near it', () => {
  const clock = new MeetingClock({ sampleRate: 44_100, channels: 2 }, 0);
  for (let frame = 0; frame < 180_000; frame += 1) clock.forward(882 * 4);
  expect(clock.receivedMs).toBe(3_600_000);
});

test('later in the stream is never earlier in the meeting, whatever was skipped when', () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const random = seeded(seed);
    const clock = new MeetingClock(mono, Math.floor(random() * 10_000));
    const truth: { streamMs: number; meetingMs: number }[] = [];
    for (let step = 0; step < 40; step += 1) {
      const bytes = 2 * Math.floor(random() * 4_000);
      if (random() < 0.4) clock.skip(bytes);
      else {
        const [streamMs, meetingMs] = [clock.forwardedMs, clock.receivedMs];
        clock.forward(bytes);
        if (bytes > 0) truth.push({ streamMs, meetingMs });
      }
    }
    for (const { streamMs, meetingMs } of truth) expect(clock.startAt(streamMs)).toBeCloseTo(meetingMs, 6);
    let last = Number.NEGATIVE_INFINITY;
    for (let ms = 0; ms <= clock.forwardedMs; ms += 7) {
      expect(clock.endAt(ms)).toBeGreaterThanOrEqual(last);
      expect(clock.startAt(ms)).toBeGreaterThanOrEqual(clock.endAt(ms));
      last = clock.endAt(ms);
    }
    expect(clock.endAt(clock.forwardedMs)).toBeLessThanOrEqual(clock.receivedMs);
  }
});
