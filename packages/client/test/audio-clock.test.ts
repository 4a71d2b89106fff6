/** Positions on the meeting's clock, as frames of the sender. */
import { expect, test } from 'vitest';
import { frameAt, resumption } from '../src/audio-clock.ts';

const anchor = { frame: 100, ms: 5_000 };

test('every frame of a day at 44.1 kHz comes back from its own position', () => {
  for (let frame = 100; frame < 44_100 * 86_400; frame += 9_973_331) {
    const ms = 5_000 + ((frame - 100) * 1_000) / 44_100;
    expect(frameAt(anchor, 44_100, ms)).toBe(frame);
  }
});

test('a position between two frames is the earlier one', () => {
  expect(frameAt(anchor, 8_000, 5_000.2)).toBe(101);
});

const from = (resumeFromMs: number, sessionFromMs?: number) => ({ resumeFromMs, sessionFromMs });

test('a known position goes on, an unknown one is where the first kept frame now stands', () => {
  const kept = { start: 900, sent: 8_100 };
  expect(resumption(anchor, kept, 8_000, from(5_500))).toEqual({ anchor, from: 4_100 });
  const anew = (ms: number) => ({ anchor: { frame: 900, ms }, from: 900 });
  expect(resumption(undefined, kept, 8_000, from(77))).toEqual(anew(77));
  expect(resumption(anchor, kept, 8_000, from(5_050))).toEqual(anew(5_050));
  expect(resumption(anchor, kept, 8_000, from(9_000))).toEqual(anew(9_000));
});

test('a millisecond beyond the end is the end', () => {
  const kept = { start: 100, sent: 8_100 };
  expect(resumption(anchor, kept, 8_000, from(6_000.9))).toEqual({ anchor, from: 8_100 });
  expect(resumption(anchor, kept, 8_000, from(6_000.9, 5_000))).toEqual({ anchor, from: 8_100 });
});

test('[ING12] behind all that is kept, where nobody else has sent, it was heard: what comes next stands there', () => {
  const kept = { start: 900, sent: 8_100 };
  const after = { anchor: { frame: 8_100, ms: 9_000 }, from: 8_100 };
  expect(resumption(anchor, kept, 8_000, from(9_000, 5_000))).toEqual(after);
  expect(resumption(anchor, kept, 8_000, from(9_000, 200))).toEqual(after);
});

test('[ING12] positions from before another session mean nothing, even where the sender has them', () => {
  const kept = { start: 900, sent: 8_100 };
  const anew = (ms: number) => ({ anchor: { frame: 900, ms }, from: 900 });
  expect(resumption(anchor, kept, 8_000, from(9_000, 5_001))).toEqual(anew(9_000));
  expect(resumption(anchor, kept, 8_000, from(5_500, 5_400))).toEqual(anew(5_500));
});

test('[ING12] a place that nobody noted is where the session began', () => {
  const kept = { start: 0, sent: 8_000 };
  const began = { frame: 0, ms: 5_000 };
  expect(resumption(undefined, kept, 8_000, from(5_500, 5_000))).toEqual({ anchor: began, from: 4_000 });
  const after = { anchor: { frame: 8_000, ms: 6_500 }, from: 8_000 };
  expect(resumption(undefined, kept, 8_000, from(6_500, 5_000))).toEqual(after);
  expect(resumption(undefined, kept, 8_000, from(5_000, 5_000))).toEqual({ anchor: began, from: 0 });
});
