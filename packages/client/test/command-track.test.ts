/** Commands among the audio, and what is left of them once their audio is let go. */
import { expect, test } from 'vitest';
import { CommandTrack } from '../src/command-track.ts';

test('a command at the first frame that is kept is kept with it', () => {
  const track = new CommandTrack();
  track.add(800, { type: 'off_record', on: true });
  track.add(800, { type: 'flush' });
  track.forget(800);
  expect(track.kept.commands.map(({ number }) => number)).toEqual([1, 2]);
  expect(track.lastBefore(800)).toBe(0);
});

test('the record stays as it was said, after its command is let go and after a restart', () => {
  const track = new CommandTrack();
  track.add(100, { type: 'off_record', on: true });
  track.forget(101);
  for (const one of [track, new CommandTrack(track.kept)]) {
    expect(one.isOffRecord).toBe(true);
    expect(one.offRecordAt(500)).toEqual({ type: 'off_record', on: true });
    expect(one.kept.commands).toEqual([]);
  }
});
