/** Opens a path, or `-` for stdin, as a stream of bytes whose length is known where it can be. */
import { open } from 'node:fs/promises';
import { ByteReader } from './byte-reader.ts';
import { CliError, messageOf, systemCode } from './exit.ts';
import { audioProblem } from './sentences.ts';

export interface OpenBytes {
  /** For messages. */
  name: string;
  reader: ByteReader;
  /** Undefined for stdin, a pipe or a device. */
  fileBytes: number | undefined;
}

/** Few reads for an hour of audio, little memory. */
const readBytes = 64 * 1024;

export async function openBytes(path: string): Promise<OpenBytes> {
  if (path === '-') return { name: 'stdin', reader: new ByteReader(process.stdin), fileBytes: undefined };
  try {
    const handle = await open(path);
    const stat = await handle.stat();
    if (stat.isDirectory()) {
      await handle.close();
      throw new CliError('failed', ...audioProblem.isFolder(path));
    }
    const reader = new ByteReader(handle.createReadStream({ highWaterMark: readBytes }));
    return { name: path, reader, fileBytes: stat.isFile() ? stat.size : undefined };
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw cannotRead(path, error);
  }
}

function cannotRead(path: string, error: unknown): CliError {
  if (systemCode(error) !== 'ENOENT')
    return new CliError('failed', ...audioProblem.unreadable(path, messageOf(error)));
  return new CliError('failed', ...audioProblem.noFile(path));
}
