/** Reads the chunks of a WAV stream up to the first byte of audio. */
import type { ByteReader } from './byte-reader.ts';
import { parseFormat, type WavFormat } from './wav-format.ts';

export interface WavHeader {
  format: WavFormat;
  /** Bytes of audio the header announces; Infinity when it was written before anyone knew. */
  audioBytes: number;
}

export type ReadHeader =
  | { ok: true; header: WavHeader }
  | { ok: false; problem: string; mayConvert: boolean };

/** Recorders that write to a pipe leave 0, 0xFFFFFFFF (ffmpeg), 0x80000000 (arecord) or 0x7FFFF… (sox). */
const leastPlaceholder = 0x7fff_0000;
/** The longest `fmt ` chunk that matters: EXTENSIBLE. */
const longestFormat = 40;

/** What the header has said so far. */
interface Seen {
  riffBytes: number;
  format?: WavFormat;
  /** From `ds64`, the 64-bit sizes of RF64. */
  longAudioBytes?: number;
}

/** `fileBytes` is undefined for a pipe. */
export async function readWavHeader(reader: ByteReader, fileBytes: number | undefined): Promise<ReadHeader> {
  const start = await reader.read(12);
  const refusal = refuse(start);
  if (refusal) return refusal;
  const seen: Seen = { riffBytes: start.readUInt32LE(4) };
  for (;;) {
    const head = await reader.read(8);
    if (head.length < 8) return broken(seen.format ? 'it has no "data" chunk' : 'it has no "fmt " chunk');
    const id = head.toString('latin1', 0, 4);
    const size = head.readUInt32LE(4);
    if (id === 'data') return audioOf(seen, size, reader.position, fileBytes);
    const problem = await readChunk(reader, id, size, seen);
    if (problem) return problem;
  }
}

const broken = (problem: string): ReadHeader => ({ ok: false, problem, mayConvert: false });

async function readChunk(
  reader: ByteReader,
  id: string,
  size: number,
  seen: Seen,
): Promise<ReadHeader | undefined> {
  const isKnown = id === 'fmt ' || id === 'ds64';
  const body = await reader.read(isKnown ? Math.min(size, longestFormat) : 0);
  // Chunks begin at even places: an odd one is followed by a byte that is not counted.
  await reader.skip(size - body.length + (size % 2));
  if (id === 'ds64' && body.length >= 16) seen.longAudioBytes = Number(body.readBigUInt64LE(8));
  if (id !== 'fmt ') return undefined;
  const parsed = parseFormat(body);
  if (!parsed.ok) return parsed;
  seen.format = parsed.format;
  return undefined;
}

function audioOf(seen: Seen, size: number, startsAt: number, fileBytes: number | undefined): ReadHeader {
  if (!seen.format) return broken('its "data" chunk comes before its "fmt " chunk');
  const isLong = size === 0xffff_ffff && seen.longAudioBytes !== undefined;
  const announced = isLong ? (seen.longAudioBytes ?? 0) : size;
  const isPlaceholder =
    announced === 0
      ? isUnfinished(seen.riffBytes, startsAt)
      : announced >= leastPlaceholder && !(fileBytes !== undefined && announced <= fileBytes - startsAt);
  if (announced === 0 && !isPlaceholder) return broken('it has no audio');
  return {
    ok: true,
    header: { format: seen.format, audioBytes: isPlaceholder ? Number.POSITIVE_INFINITY : announced },
  };
}

/** No audio announced: is the whole header a placeholder, or is there really none, only more chunks? */
const isUnfinished = (riffBytes: number, startsAt: number): boolean =>
  riffBytes >= leastPlaceholder || riffBytes + 8 <= startsAt;

function refuse(start: Buffer): ReadHeader | undefined {
  if (start.length === 0) return broken('it is empty');
  const other = otherKind(start);
  if (other) return { ok: false, problem: `it is ${other}, not WAV`, mayConvert: true };
  const id = start.toString('latin1', 0, 4);
  const isWave = start.length === 12 && start.toString('latin1', 8, 12) === 'WAVE';
  if (isWave && (id === 'RIFF' || id === 'RF64' || id === 'BW64')) return undefined;
  if (start.length < 12) return broken(`it ends after ${start.length} bytes, within the WAV header`);
  return broken('it does not begin with RIFF … WAVE');
}

const signatures: ReadonlyArray<readonly [at: number, bytes: string, kind: string]> = [
  [0, 'RIFX', 'big-endian WAV (RIFX)'],
  [0, 'riff', 'Wave64'],
  [0, 'OggS', 'Ogg'],
  [0, 'fLaC', 'FLAC'],
  [0, 'FORM', 'AIFF'],
  [0, 'caff', 'Core Audio'],
  [0, 'ID3', 'MP3'],
  [0, '\xff\xfb', 'MP3'],
  [0, '\x1aE\xdf\xa3', 'WebM or Matroska'],
  [4, 'ftyp', 'MP4'],
  [8, 'AVI ', 'AVI'],
];

const otherKind = (start: Buffer): string | undefined =>
  signatures.find(([at, bytes]) => start.toString('latin1', at, at + bytes.length) === bytes)?.[2];
