/** An audio note as one line of text. */
import type { Source } from '@meetcast/protocol';
import type { AudioNote } from './registry.ts';

/** The epoch comes last, as it may hold anything. */
export const encodeNote = (note: Omit<AudioNote, 'source'>): string =>
  [note.receivedMs, note.forwardedMs, note.coveredMs, note.positionMs, note.epoch].join(' ');

export function decodeNote(source: Source, text: string): AudioNote | undefined {
  const [, received, forwarded, covered, position, epoch] =
    /^(\S+) (\S+) (\S+) (\S+) (.*)$/s.exec(text) ?? [];
  const numbers = [received, forwarded, covered, position].map(Number);
  if (epoch === undefined || !numbers.every(Number.isFinite)) return undefined;
  const [receivedMs = 0, forwardedMs = 0, coveredMs = 0, positionMs = 0] = numbers;
  return { source, epoch, receivedMs, forwardedMs, coveredMs, positionMs };
}
