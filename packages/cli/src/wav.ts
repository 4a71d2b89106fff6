/** Streams the audio of a WAV file, whatever its sample format, as 16-bit PCM. */
import { CliError } from './exit.ts';
import { toInt16 } from './pcm.ts';
import { audioProblem } from './sentences.ts';
import { type OpenBytes, openBytes } from './wav-file.ts';
import { readWavHeader, type WavHeader } from './wav-header.ts';

export interface WavAudio {
  readonly sampleRate: number;
  readonly channels: number;
  /** Undefined when only the end of the stream will tell. */
  readonly durationMs: number | undefined;
  /**
   * The audio, once: interleaved 16-bit little-endian PCM in chunks of at most so many bytes, whole samples of
   * all channels. Closes the file at the end, or when the loop is left.
   */
  frames(chunkBytes: number): AsyncIterable<Buffer>;
  /** For those who never read the frames. May be called any number of times. */
  close(): void;
}

export interface WavOptions {
  /** Told, in a sentence, of a flaw that does not stop the reading. */
  warn?(message: string): void;
}

/** Rejects with a CliError that says what is wrong with the file and what to do about it. `-` is stdin. */
export async function openWav(path: string, { warn = () => {} }: WavOptions = {}): Promise<WavAudio> {
  const bytes = await openBytes(path);
  try {
    const result = await readWavHeader(bytes.reader, bytes.fileBytes);
    if (!result.ok) throw unusable(bytes.name, result.problem, result.mayConvert);
    return audioOf(bytes, result.header, warn);
  } catch (error) {
    bytes.reader.close();
    throw error;
  }
}

const unusable = (name: string, why: string, mayConvert: boolean): CliError =>
  new CliError('failed', ...audioProblem.unusable(name, why, mayConvert));

function audioOf(bytes: OpenBytes, header: WavHeader, warn: (message: string) => void): WavAudio {
  const { samples, sampleRate, channels } = header.format;
  const frameBytes = samples.bytes * channels;
  const millisecondsOf = (length: number) => (Math.floor(length / frameBytes) * 1000) / sampleRate;
  const available =
    bytes.fileBytes === undefined ? Number.POSITIVE_INFINITY : bytes.fileBytes - bytes.reader.position;
  const length = Math.min(header.audioBytes, available);
  if (length < frameBytes) throw unusable(bytes.name, audioProblem.noAudio, false);
  const warnShort = (actual: number) => {
    if (!Number.isFinite(header.audioBytes)) return;
    const length = (size: number) => `${(millisecondsOf(size) / 1000).toFixed(2)} s`;
    warn(audioProblem.cutShort(bytes.name, length(header.audioBytes), length(actual)));
  };
  if (length < header.audioBytes) warnShort(length);
  return {
    sampleRate,
    channels,
    durationMs: Number.isFinite(length) ? millisecondsOf(length) : undefined,
    frames: (chunkBytes) => frames(bytes, header, length, chunkBytes, warnShort),
    close: () => bytes.reader.close(),
  };
}

async function* frames(
  { reader }: OpenBytes,
  { format: { samples, channels } }: WavHeader,
  length: number,
  chunkBytes: number,
  warnShort: (actual: number) => void,
): AsyncGenerator<Buffer> {
  const frameBytes = samples.bytes * channels;
  const portion = Math.max(1, Math.floor(chunkBytes / (2 * channels))) * frameBytes;
  let taken = 0;
  try {
    while (taken < length) {
      const wanted = Math.min(portion, length - taken);
      const bytes = await reader.read(wanted);
      taken += bytes.length;
      const whole = bytes.length - (bytes.length % frameBytes);
      if (whole > 0) yield toInt16(samples, bytes.subarray(0, whole));
      if (bytes.length === wanted) continue;
      warnShort(taken);
      return;
    }
  } finally {
    reader.close();
  }
}
