import { expect, test } from 'vitest';
import { RecognizerError } from '../../src/lib/errors.ts';
import type { Recognizer } from '../../src/recognizer/recognizer.ts';
import { resilient } from '../../src/recovery/resilient.ts';
import { request } from '../recognizer/recognizer-contract.ts';

const nobody: Recognizer = {
  channelsFor: () => 1,
  open: () => Promise.reject(new RecognizerError('nobody is there', { retryable: true })),
};

const format = { sampleRate: 8_000, channels: 1, canWait: true };
const bytesPerMs = 16;
const readBytes = 64 * 1024;
const frame = new Uint8Array(640);

test('a writer that is told to wait in the middle of what was read from its socket at once loses none of it', async () => {
  const keptMs = 20_000;
  const recognizer = resilient(nobody, { keptMs, memoryMs: keptMs, retryMinMs: 60_000, retryMaxMs: 60_000 });
  const stream = await recognizer.open({ ...request, ...format }, new AbortController().signal);
  let [written, isHeld] = [0, false];
  while (!isHeld) {
    for (let read = 0; read < readBytes; read += frame.length) {
      if (stream.write(frame) !== undefined) isHeld = true;
      written += frame.length;
    }
  }
  const left = stream.handOver?.();
  expect(left).toMatchObject({ startMs: 0, bytes: written });
  expect(written / bytesPerMs).toBeGreaterThan(keptMs / 2);
  await left?.discard();
});
