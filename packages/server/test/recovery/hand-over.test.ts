/** Audio that a stream was given and nobody heard: who has it, and that nobody keeps it for ever. */
import { readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { UnheardAudio } from '../../src/recognizer/recognizer.ts';
import { type ResilientOptions, resilient } from '../../src/recovery/resilient.ts';
import { listenTo, pcm, request, writeAll } from '../recognizer/recognizer-contract.ts';
import { meeting } from '../recognizer/told.ts';
import { final, toneRecognizer } from '../recognizer/tone-recognizer.ts';

const never = new AbortController().signal;
const quick: ResilientOptions = { retryMinMs: 1, retryMaxMs: 4, replayPace: Number.POSITIVE_INFINITY };

async function start(afterBytes: number | undefined, options: ResilientOptions = {}) {
  const inner = toneRecognizer();
  if (afterBytes !== undefined) inner.fates.push({ kind: 'lost', afterBytes });
  const stream = await resilient(inner, { ...quick, ...options }).open(request, never);
  return { inner, stream, heard: listenTo(stream) };
}

async function bytesIn(audio: UnheardAudio | undefined, skip = 0): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of audio?.read(skip) ?? []) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}

test('what a refusal left is what was not heard, from a pause before it to the last byte', async () => {
  const { audio } = meeting(7, 40);
  const { inner, stream, heard } = await start(Math.floor(audio.length * 0.43));
  inner.refusals.push(final());
  await writeAll(stream, audio);
  expect(await heard.outcome).toMatchObject({ message: 'out of credit' });
  const left = stream.handOver?.();
  const reachedMs = heard.finals().at(-1)?.endMs ?? Number.NaN;
  expect(left?.startMs).toBeLessThanOrEqual(reachedMs);
  expect(left?.startMs).toBeGreaterThan(reachedMs - 2_000);
  expect(left?.endMs).toBeCloseTo(audio.length / 32, 3);
  const rest = Buffer.from(audio.buffer, audio.byteOffset + audio.length - (left?.bytes ?? 0), left?.bytes);
  expect((await bytesIn(left)).equals(rest)).toBe(true);
  expect((await bytesIn(left, 33_334)).equals(rest.subarray(33_334))).toBe(true);
  expect(stream.handOver?.()).toBeUndefined();
  await left?.discard();
  await expect(bytesIn(left)).rejects.toThrow(RangeError);
});

test('a stream may be given up at any time; what was heard whole leaves nothing', async () => {
  const { audio } = meeting(8, 20);
  const { inner, stream, heard } = await start(undefined);
  await writeAll(stream, audio);
  const left = stream.handOver?.();
  expect(await heard.outcome).toBe('ended');
  expect(left?.endMs).toBeCloseTo(audio.length / 32, 3);
  expect(inner.streams.some(({ isOpen }) => isOpen)).toBe(false);
  await left?.discard();
  const whole = await start(undefined);
  await writeAll(whole.stream, audio);
  whole.stream.finish();
  expect(await whole.heard.outcome).toBe('ended');
  expect(whole.stream.handOver?.()).toBeUndefined();
});

test.skipIf(process.platform !== 'linux')('abort leaves no file, nor does discard', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'meetcast-left-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const how of ['abort', 'discard'] as const) {
    const { inner, stream, heard } = await start(64_000, { memoryMs: 1_000, keptMs: 60_000, folder });
    inner.refusals.push(final());
    await writeAll(stream, pcm('the budget', { tailMs: 8_000 }));
    await heard.outcome;
    await expect.poll(() => openIn(folder)).toBe(1);
    if (how === 'abort') stream.abort();
    else await stream.handOver?.()?.discard();
    await expect.poll(() => openIn(folder)).toBe(0);
  }
});

/** How many files of a folder this process has open. */
function openIn(folder: string): number {
  return readdirSync('/proc/self/fd').filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith(folder);
    } catch {
      return false;
    }
  }).length;
}
