/** One meeting of known words on somebody's hub: said, stored and seen. */
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Publisher, publish, type Subscription, subscribe } from '@meetcast/client';
import { backoff, connected } from './connected.ts';
import { linkFailure } from './failure.ts';
import type { Hub } from './hub-options.ts';
import { storedFinals } from './hub-request.ts';
import type { Output } from './output.ts';
import { collectFinals, inTime, reached } from './seen.ts';
import { largestChunkBytes, type Speech, speechOfFile } from './speech.ts';
import { writeWav } from './wav-writer.ts';
import { noWords, type SourceWords, wordsOfFinals } from './words.ts';

export interface ProbeOptions {
  meeting: string;
  words: number;
  timeoutMs: number;
}

export interface Found {
  said: SourceWords;
  stored: SourceWords;
  seen: SourceWords;
  isInTime: boolean;
}

const format = { sampleRate: 16_000, channels: 1 } as const;

/** Rejects with a CliError when the hub cannot be used at all. */
export async function probe(hub: Hub, options: ProbeOptions, output: Output): Promise<Found> {
  const { randomWords } = await import('@meetcast/testing');
  const words = randomWords(options.words, randomInt(2 ** 31));
  const directory = await mkdtemp(join(tmpdir(), 'meetcast-smoke-'));
  try {
    const speech = await recorded(join(directory, 'smoke.wav'), words, output);
    const said = { ...noWords, mic: words };
    return { said, ...(await sendAndSee(hub, options, speech, output)) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Through a file, because that is a part people rely on too. */
async function recorded(path: string, words: readonly string[], { say }: Output): Promise<Speech> {
  const { speakStream } = await import('@meetcast/testing');
  await writeWav(path, format, speakStream(words, format));
  return speechOfFile(path, say);
}

async function sendAndSee(
  hub: Hub,
  { meeting, timeoutMs }: ProbeOptions,
  speech: Speech,
  output: Output,
): Promise<Omit<Found, 'said'>> {
  const { url, token } = hub;
  const viewer = subscribe({ url, token, meeting, backoff });
  const finals = collectFinals(viewer);
  const sender = publish({ url, token, meeting, backoff, source: 'mic', ...format });
  try {
    await Promise.all([connected(viewer, hub, output), connected(sender, hub, output)]);
    const isInTime = await inTime(timeoutMs, deliver(sender, viewer, speech));
    const stored = wordsOfFinals(await storedFinals(hub, meeting));
    return { stored, seen: wordsOfFinals(finals), isInTime };
  } finally {
    sender.close();
    viewer.close();
    speech.close();
  }
}

/** Resolves when the hub says that all is stored, and the viewer has seen as much. */
async function deliver(sender: Publisher, viewer: Subscription, speech: Speech): Promise<void> {
  try {
    for await (const piece of speech.frames(largestChunkBytes)) await sender.write(piece);
    const { lastSeq } = await sender.finalize();
    await reached(viewer, lastSeq);
  } catch (error) {
    if (error instanceof Error && error.name === 'PublishError') throw linkFailure(await sender.closed);
    throw error;
  }
}
