/** A sender in a process of its own, to be killed: it sends a file through a spool, and goes on when it is started again. */
import { readFileSync } from 'node:fs';
import { publish } from '@meetcast/client';
import { fileSpool } from '@meetcast/client/file-spool';
import type { SenderSettings } from './spool-sender.ts';

const settings: SenderSettings = JSON.parse(process.env.SENDER_SETTINGS ?? '{}');
const { spool: folder, file, sampleRate, channels, speedUp, ...options } = settings;

const spool = await fileSpool({ folder, label: file });
const taken = spool.left?.takenBytes ?? 0;
const publisher = publish({ ...options, spool, sampleRate, channels, backoff: { minMs: 10, maxMs: 100 } });
process.on('disconnect', () => process.exit());
const finishing = new Promise((resolve) => process.once('message', resolve));
process.send?.('begun');

const audio = readFileSync(file).subarray(taken);
const bytesPerMs = (sampleRate * channels * 2) / 1000;
const pieceBytes = 20 * bytesPerMs;
const from = performance.now();
for (let at = 0; at < audio.length; at += pieceBytes) {
  const dueMs = from + at / bytesPerMs / speedUp - performance.now();
  if (dueMs > 1) await new Promise((resolve) => setTimeout(resolve, dueMs));
  // A live microphone does not wait.
  publisher.write(new Uint8Array(audio.subarray(at, at + pieceBytes))).catch(() => {});
}
// One that is to be killed must not get to its end before.
await finishing;
await publisher.finalize();
process.disconnect?.();
