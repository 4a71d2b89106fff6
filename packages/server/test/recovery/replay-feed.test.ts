import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { AudioRing } from '../../src/recovery/audio-ring.ts';
import { ReplayFeed } from '../../src/recovery/replay-feed.ts';
import { StallWatch } from '../../src/recovery/stall-watch.ts';
import { gate } from '../support/stage.ts';

const format = { sampleRate: 16_000, channels: 1 };
const frame = new Uint8Array(640);

test('who has caught up is told so at first and after each wait, not at each frame', async () => {
  const ring = new AudioRing(format, { memoryMs: 10_000, keptMs: 10_000, folder: tmpdir() });
  let taken: Promise<void> | undefined;
  let [bytes, told] = [0, 0];
  const feed = new ReplayFeed({
    ring,
    stream: {
      channels: 1,
      results: (async function* () {})(),
      write(audio) {
        bytes += audio.length;
        return taken;
      },
      flush() {},
      finish() {},
      abort() {},
    },
    format,
    replayPace: 8,
    watch: new StallWatch(60_000, () => {}),
    from: 0,
    caughtUp: () => {
      told += 1;
    },
    spoke: () => {},
    flushed: () => {},
    overtaken: () => {},
  });
  const take = () => {
    void ring.append(frame);
    feed.pump();
  };
  feed.pump();
  for (let count = 0; count < 3; count += 1) take();
  expect([bytes, told]).toEqual([3 * frame.length, 1]);
  const { passed, open } = gate();
  taken = passed;
  take();
  taken = undefined;
  take();
  expect([bytes, told]).toEqual([4 * frame.length, 1]);
  open();
  await expect.poll(() => told).toBe(2);
  expect(bytes).toBe(5 * frame.length);
  feed.end();
  await ring.close();
});
