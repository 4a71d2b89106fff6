/** Sends the audio, shows how far it is stored, and ends when all of it is. */
import {
  type CloseInfo,
  type Finalized,
  type Left,
  type Publisher,
  type PublishOptions,
  publish,
  type Spool,
} from '@meetcast/client';
import type { Source } from '@meetcast/protocol';
import { paced, realPace } from '@meetcast/testing';
import { backoff, connected, connectionNote } from '../connected.ts';
import type { Context } from '../context.ts';
import { CliError } from '../exit.ts';
import { asUsage, linkFailure } from '../failure.ts';
import { type Hub, type HubFlags, resolveHub } from '../hub-options.ts';
import type { Output } from '../output.ts';
import { type Progress, type ProgressDisplay, progressDisplay } from '../send-progress.ts';
import { audioProblem, sendNote, usageProblem } from '../sentences.ts';
import { count, seconds } from '../show.ts';
import { onStopSignal } from '../signals.ts';
import {
  bytesPerSecond,
  chunkBytesFor,
  maxBufferedMs,
  type Speech,
  speechOfFile,
  testSpeech,
} from '../speech.ts';
import { behind, type Input, inputOf, leftMs, openSpool, withSpool } from '../spool.ts';

export interface SendFlags extends HubFlags {
  meeting: string;
  wav?: string;
  createTestWav: boolean;
  testDuration?: number;
  source: Source;
  chunkSize?: number;
  speed: number;
  language?: string;
  title?: string;
  spool?: string;
}

/** Words of a test that people are shown; `--json` has all. */
const shownWords = 40;

export async function sendPcm(flags: SendFlags, context: Context): Promise<void> {
  const { output } = context;
  const hub = await resolveHub(flags, context);
  const speech = await speechOf(flags, output);
  try {
    const input = await inputFrom(flags);
    const spool = flags.spool === undefined ? undefined : await openSpool(flags.spool, input.label);
    const isLive = spool !== undefined && !input.repeats;
    const publisher = await publishFrom(spool, { ...options(flags, hub), ...link(speech, isLive) });
    if (spool?.left) sayResumed(spool.left, output);
    await connected(publisher, hub, output);
    const before = { takenBytes: spool?.left?.takenBytes ?? 0, isRepeated: input.repeats };
    await send(publisher, speech, flags, output, before);
  } finally {
    speech.close();
  }
}

/** What earlier runs took, and whether this one reads it once more. */
interface Before {
  takenBytes: number;
  isRepeated: boolean;
}

const inputFrom = async ({ wav, testDuration = 10 }: SendFlags): Promise<Input> =>
  wav === undefined ? { label: `a test of ${testDuration} s`, repeats: true } : await inputOf(wav);

async function publishFrom(spool: Spool | undefined, options: PublishOptions): Promise<Publisher> {
  if (!spool) return asUsage(() => publish(options));
  return await withSpool(spool, () => asUsage(() => publish({ ...options, spool })));
}

function sayResumed(left: Left, { emit, say }: Output): void {
  const { takenMs, keptMs } = leftMs(left);
  emit({ event: 'resumed', taken_ms: Math.round(takenMs), kept_ms: Math.round(keptMs) });
  say(sendNote.resuming(seconds(takenMs), seconds(keptMs)));
}

async function speechOf(flags: SendFlags, { emit, say }: Output): Promise<Speech> {
  const { wav, createTestWav, testDuration = 10 } = flags;
  if (flags.testDuration !== undefined && !createTestWav)
    throw new CliError('usage', ...usageProblem.onlyWith('--test-duration', '--create-test-wav'));
  if (wav !== undefined) return speechOfFile(wav, say);
  if (!createTestWav) throw new CliError('usage', ...audioProblem.nothingToSend);
  const speech = await testSpeech(testDuration);
  const words = speech.words ?? [];
  emit({ event: 'test-wav', text: words.join(' '), duration_seconds: testDuration });
  const rest = words.length > shownWords ? sendNote.more(words.length) : '';
  say(sendNote.says(`${words.slice(0, shownWords).join(' ')}${rest}`));
  return speech;
}

const options = ({ meeting, source, language, title }: SendFlags, { url, token }: Hub) => ({
  url,
  token,
  meeting,
  source,
  backoff,
  ...(language === undefined ? {} : { language }),
  ...(title === undefined ? {} : { title }),
});

const link = (speech: Speech, isLive: boolean) => ({
  sampleRate: speech.sampleRate,
  channels: speech.channels,
  // A file can wait in its place; what a live source says has to go somewhere, and in a spool there is room.
  ...(isLive ? {} : { maxBufferedMs: maxBufferedMs(speech) }),
});

async function send(
  publisher: Publisher,
  speech: Speech,
  flags: SendFlags,
  output: Output,
  before: Before,
): Promise<void> {
  const { meeting, source } = flags;
  output.emit({ event: 'connected', meeting, source, session_id: publisher.sessionId });
  const display = progressDisplay(output, speech.durationMs);
  const progress = track(publisher, display, output);
  const stop = new AbortController();
  const ignoreSignals = onStopSignal(() => {
    display.note(sendNote.finishing);
    stop.abort();
  });
  try {
    const sent = (bytes: number) => {
      progress.sentMs = (bytes * 1000) / bytesPerSecond(speech);
      display.moved(progress);
    };
    sent(before.takenBytes);
    await writeAll(publisher, speech, flags, stop.signal, before, sent);
    const finalized = await publisher.finalize();
    progress.storedMs = progress.sentMs;
    display.moved(progress);
    display.stop();
    report(finalized, progress, flags, output);
  } catch (error) {
    display.stop();
    // Whatever failed, it failed because the hub ended the link; how it did says most.
    if (error instanceof Error && error.name === 'PublishError') throw failureOf(await publisher.closed);
    publisher.close();
    throw error;
  } finally {
    ignoreSignals();
  }
}

const failureOf = (info: CloseInfo): CliError =>
  info.word === 'spool' ? new CliError('failed', info.reason) : linkFailure(info);

/** Keeps count of what the hub says about the audio. */
function track(publisher: Publisher, display: ProgressDisplay, { emit }: Output): Progress {
  const progress: Progress = { sentMs: 0, storedMs: 0, receivedMs: 0, durableMs: 0, words: 0 };
  publisher.on('ack', ({ receivedMs, durableMs }) => {
    // A hub that lost its log begins to count anew; what is no longer kept here is stored, whatever it counts.
    const storedMs = Math.max(0, progress.sentMs - publisher.bufferedMs);
    display.acknowledged(Object.assign(progress, { storedMs, receivedMs, durableMs }));
  });
  publisher.on('final', (final) => {
    progress.words += final.text.split(/\s+/u).filter((word) => word !== '').length;
    emit({ event: 'final', ...final });
  });
  publisher.on('spool', ({ message }) => {
    emit({ event: 'spool-failed', message });
    display.note(sendNote.spoolFailed(message));
  });
  publisher.on('connection', (change) => {
    if (change.status !== 'closed') emit({ event: 'connection', ...change });
    const note = connectionNote(change);
    if (note) display.note(note);
  });
  return progress;
}

async function writeAll(
  publisher: Publisher,
  speech: Speech,
  { chunkSize, speed }: SendFlags,
  stop: AbortSignal,
  { takenBytes, isRepeated }: Before,
  sent: (bytes: number) => void,
): Promise<void> {
  const perSecond = bytesPerSecond(speech);
  const all = speech.frames(chunkSize ?? chunkBytesFor(speech, speed));
  const frames = isRepeated ? behind(all, takenBytes) : all;
  const stopped = new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve()));
  let bytes = takenBytes;
  for await (const piece of paced(frames, realPace(perSecond, speed, stop))) {
    if (stop.aborted) return;
    await Promise.race([publisher.write(piece), stopped]);
    bytes += piece.length;
    sent(bytes);
  }
}

function report(
  { lastSeq, coverage }: Finalized,
  { sentMs, storedMs, words }: Progress,
  { meeting, source }: SendFlags,
  { emit, say }: Output,
): void {
  emit({ event: 'ended', last_seq: lastSeq, coverage });
  emit({
    event: 'done',
    meeting,
    source,
    sent_ms: Math.round(sentMs),
    stored_ms: Math.round(storedMs),
    words,
  });
  say(sendNote.done(seconds(sentMs), source, meeting, count(words, 'word'), lastSeq));
}
