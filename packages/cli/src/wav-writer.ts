/** Writes PCM as a WAV file while it is being made, so that its length costs no memory. */
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import wavefile from 'wavefile';
import { CliError, messageOf } from './exit.ts';
import { audioProblem } from './sentences.ts';

export interface PcmFormat {
  sampleRate: number;
  channels: number;
}

const riffSizeAt = 4;
const dataSizeAt = 40;
const headerBytes = 44;
/** Says that the length was not known when the header was written: readers go on to the end. */
const unknownSize = 0xffff_ffff;

/** Writes 16-bit little-endian PCM to a path, or to stdout for `-`. Resolves to the bytes of audio. */
export async function writeWav(path: string, format: PcmFormat, pcm: Iterable<Buffer>): Promise<number> {
  if (path === '-') return writeStdout(format, pcm);
  try {
    const file = await open(path, 'w');
    try {
      return await writeFile(file, format, pcm);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new CliError('failed', ...audioProblem.unwritable(path, messageOf(error)));
  }
}

async function writeFile(file: FileHandle, format: PcmFormat, pcm: Iterable<Buffer>): Promise<number> {
  await file.write(headerOf(format, unknownSize));
  let audioBytes = 0;
  for (const piece of pcm) {
    await file.writeFile(piece);
    audioBytes += piece.length;
  }
  // The sizes go in last: a file cut short in the making stays readable. A pipe cannot go back.
  const isRegular = (await file.stat()).isFile();
  if (isRegular) await file.write(headerOf(format, audioBytes), 0, headerBytes, 0);
  return audioBytes;
}

async function writeStdout(format: PcmFormat, pcm: Iterable<Buffer>): Promise<number> {
  process.stdout.write(headerOf(format, unknownSize));
  let audioBytes = 0;
  for (const piece of pcm) {
    if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
    audioBytes += piece.length;
  }
  return audioBytes;
}

function headerOf({ sampleRate, channels }: PcmFormat, audioBytes: number): Buffer {
  const empty = new wavefile.WaveFile();
  empty.fromScratch(channels, sampleRate, '16', []);
  const header = Buffer.from(empty.toBuffer());
  const isLong = audioBytes + headerBytes >= unknownSize;
  header.writeUInt32LE(isLong ? unknownSize : audioBytes + headerBytes - 8, riffSizeAt);
  header.writeUInt32LE(isLong ? unknownSize : audioBytes, dataSizeAt);
  return header;
}
