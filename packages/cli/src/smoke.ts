/** One meeting of known words on somebody's hub: said, stored and seen. */
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Publisher, publish, type Subscription, subscribe } from '@meetcast/client';
import { randomWords, speakStream } from '@meetcast/testing';
import {
  collectFinals,
  compareWords,
  countWords,
  inTime,
  noWords,
  placesOf,
  reached,
  type SourceWords,
  wordsOfFinals,
} from '@meetcast/testing/chaos';
import { backoff, connected } from './connected.ts';
import type { Context } from './context.ts';
import { CliError } from './exit.ts';
import { linkFailure } from './failure.ts';
import { type Hub, type HubFlags, resolveHub } from './hub-options.ts';
import { storedFinals } from './hub-request.ts';
import type { Output } from './output.ts';
import { smokeNote } from './sentences.ts';
import { count, table } from './show.ts';
import { largestChunkBytes, type Speech, speechOfFile } from './speech.ts';
import { writeWav } from './wav-writer.ts';

export interface SmokeFlags extends HubFlags {
  words: number;
  timeout: number;
}

interface ProbeOptions {
  meeting: string;
  words: number;
  timeoutMs: number;
}

interface Found {
  said: SourceWords;
  stored: SourceWords;
  seen: SourceWords;
  isInTime: boolean;
}

const format = { sampleRate: 16_000, channels: 1 } as const;

export async function smoke({ words, timeout, ...flags }: SmokeFlags, context: Context): Promise<void> {
  const { output } = context;
  const hub = await resolveHub(flags, context);
  const meeting = `smoke-${randomUUID()}`;
  output.say(smokeNote.saying(count(words, 'word'), meeting, hub.url));
  const found = await probe(hub, { meeting, words, timeoutMs: timeout * 1000 }, output);
  const isWhole = report(found, meeting, output);
  if (!found.isInTime) throw new CliError('timedOut', ...smokeNote.timedOut(timeout));
  if (!isWhole) throw new CliError('failed', ...smokeNote.failed);
  output.say(output.notePaint.green(smokeNote.passed));
}

function report({ said, stored, seen }: Found, meeting: string, { emit }: Output): boolean {
  const compared = { stored: compareWords(said, stored), seen: compareWords(said, seen) };
  const isWhole = compared.stored.isEqual && compared.seen.isEqual;
  const missing = placesOf('missing', compared);
  const unexpected = placesOf('unexpected', compared);
  const figures = { said: countWords(said), stored: countWords(stored), seen: countWords(seen) };
  const lines = [
    ...table([['', 'words'], ...Object.entries(figures)]),
    ...missing.map(({ place, word, from }) => smokeNote.missing(place, word, from)),
    ...unexpected.map(({ place, word, from }) => smokeNote.unexpected(place, word, from)),
  ];
  emit(
    { event: 'smoke', ok: isWhole, meeting, words: figures, missing, unexpected, said: textOf(said) },
    lines.join('\n'),
  );
  return isWhole;
}

const textOf = (words: SourceWords): string => words.mic.join(' ');

/** Rejects with a CliError when the hub cannot be used at all. */
async function probe(hub: Hub, options: ProbeOptions, output: Output): Promise<Found> {
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
