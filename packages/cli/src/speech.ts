/** Audio a command can send: where it comes from, how long it is and, where that is known, what it says. */
import { CliError } from './exit.ts';
import { audioProblem } from './sentences.ts';
import { openWav } from './wav.ts';
import type { PcmFormat } from './wav-writer.ts';

export interface Speech extends PcmFormat {
  /** Undefined when only its end will tell. */
  readonly durationMs: number | undefined;
  /** The words it says, where they are known. */
  readonly words: readonly string[] | undefined;
  /** The audio, once, in pieces of at most so many bytes. */
  frames(chunkBytes: number): AsyncIterable<Buffer>;
  close(): void;
}

const testFormat: PcmFormat = { sampleRate: 16_000, channels: 1 };
/** Another number, other words. */
const testSeed = 1;

/** What a hub takes, in the words of a person who has a file that is something else. */
function checkFormat({ sampleRate, channels }: PcmFormat, name: string): void {
  if (sampleRate < 8_000 || sampleRate > 192_000)
    throw new CliError('failed', ...audioProblem.wrongRate(name, sampleRate));
  if (channels > 8) throw new CliError('failed', ...audioProblem.tooManyChannels(name, channels));
}

export async function speechOfFile(path: string, warn: (message: string) => void): Promise<Speech> {
  const wav = await openWav(path, { warn });
  try {
    checkFormat(wav, path === '-' ? 'stdin' : path);
  } catch (error) {
    wav.close();
    throw error;
  }
  const { sampleRate, channels, durationMs } = wav;
  return {
    sampleRate,
    channels,
    durationMs,
    words: undefined,
    frames: (chunkBytes) => wav.frames(chunkBytes),
    close: () => wav.close(),
  };
}

/** As many words of the tone language as fit into so many seconds. */
export async function testSpeech(durationSeconds: number): Promise<Speech> {
  const { randomWords, speakStream, toneTiming } = await import('@meetcast/testing');
  const { leadMs, tailMs, wordMs, gapMs } = toneTiming;
  const durationMs = durationSeconds * 1000;
  const fitting = Math.floor((durationMs - leadMs - tailMs) / (wordMs + gapMs));
  if (fitting < 1) throw new CliError('usage', ...audioProblem.testTooShort);
  const words = randomWords(fitting, testSeed);
  const spokenMs = leadMs + fitting * (wordMs + gapMs);
  const options = { ...testFormat, tailMs: durationMs - spokenMs };
  return {
    ...testFormat,
    durationMs,
    words,
    frames: (chunkBytes) => chunked(speakStream(words, options), chunkBytes),
    close: () => {},
  };
}

/** Pieces of one length; the last may be shorter. */
export async function* chunked(pieces: Iterable<Buffer>, chunkBytes: number): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for (const piece of pieces) {
    rest = Buffer.concat([rest, piece]);
    for (; rest.length >= chunkBytes; rest = rest.subarray(chunkBytes)) yield rest.subarray(0, chunkBytes);
  }
  if (rest.length > 0) yield rest;
}

export const bytesPerSecond = ({ sampleRate, channels }: PcmFormat): number => sampleRate * channels * 2;

const defaultChunkBytes = 4_096;
/** The largest frame any hub takes. */
export const largestChunkBytes = 32_768;
/** Below the 50 frames a second that a hub reads. */
const framesPerSecond = 40;

/** Larger pieces where small ones would be too many a second. */
export function chunkBytesFor(format: PcmFormat, speed: number): number {
  if (speed === 0) return largestChunkBytes;
  const needed = Math.ceil((bytesPerSecond(format) * speed) / framesPerSecond);
  return Math.min(largestChunkBytes, Math.max(defaultChunkBytes, needed));
}

/** What may wait in memory for its words to be stored: enough for the longest utterance, never the whole file. */
const keptBytes = 16 * 1024 * 1024;
const leastKeptMs = 40_000;
const mostKeptMs = 300_000;

export const maxBufferedMs = (format: PcmFormat): number =>
  Math.min(mostKeptMs, Math.max(leastKeptMs, (keptBytes * 1000) / bytesPerSecond(format)));
