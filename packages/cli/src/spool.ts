/** What an earlier run of a sender left in its spool, and where in the input this run goes on. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Left, Spool } from '@meetcast/client';
import { fileSpool } from '@meetcast/client/file-spool';
import { CliError, messageOf } from './exit.ts';
import { sendNote } from './sentences.ts';

const advice: Readonly<Record<string, string>> = {
  locked: sendNote.otherRunning,
  foreign: sendNote.otherInput,
};

/** `label` says what is sent: a spool that was left by something else is refused. */
export async function openSpool(folder: string, label: string): Promise<Spool> {
  return await fileSpool({ folder, label }).catch((error: unknown) => {
    throw spoolFailure(error, folder);
  });
}

/** Hands a spool to whoever sends from it; one that is refused stays as it is. */
export async function withSpool<T>(spool: Spool, make: () => T): Promise<T> {
  try {
    return make();
  } catch (error) {
    await spool.close();
    throw isSpoolError(error) ? spoolFailure(error, '') : error;
  }
}

const isSpoolError = (error: unknown): error is Error & { code: string } =>
  error instanceof Error && error.name === 'SpoolError' && 'code' in error;

function spoolFailure(error: unknown, folder: string): CliError {
  if (isSpoolError(error)) return new CliError('failed', error.message, advice[error.code]);
  return new CliError('failed', ...sendNote.spoolUnusable(folder, messageOf(error)));
}

/** What a sender sends: `label` names it, and an input that `repeats` begins anew in every run. */
export interface Input {
  readonly label: string;
  readonly repeats: boolean;
}

/** Of a file, the next run reads the beginning again; what comes through stdin or a pipe comes once. */
export async function inputOf(wav: string): Promise<Input> {
  if (wav === '-') return { label: 'stdin', repeats: false };
  return { label: resolve(wav), repeats: (await stat(wav)).isFile() };
}

/** How much was taken, and how much of it is not stored, in milliseconds. */
export function leftMs({ session: { start, sampleRate, channels }, takenBytes }: Left) {
  const takenMs = (takenBytes * 1000) / (sampleRate * channels * 2);
  return { takenMs, keptMs: takenMs - (start * 1000) / sampleRate };
}

/** The pieces that come behind so many bytes. */
export async function* behind(pieces: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let toSkip = bytes;
  for await (const piece of pieces) {
    const rest = piece.subarray(toSkip);
    toSkip -= piece.length - rest.length;
    if (rest.length > 0) yield rest;
  }
}
