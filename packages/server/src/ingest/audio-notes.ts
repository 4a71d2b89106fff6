/** How much of a meeting's audio was heard, on all nodes together. Pure. */
import { type Source, sources } from '@meetcast/protocol';
import type { MeetingRef } from '../lib/meeting.ts';
import type { AudioNote } from '../registry/registry.ts';
import type { AudioAccount, AudioLedger } from '../transcription/audio-ledger.ts';

export interface Heard {
  readonly receivedMs: number;
  readonly forwardedMs: number;
  readonly coveredMs: number;
}

/** What this node tells the others of a source. */
export const noteOf = (
  { received, forwarded, covered }: AudioAccount,
  epoch: string,
): Omit<AudioNote, 'source'> => ({
  epoch,
  receivedMs: received.totalMs,
  forwardedMs: forwarded.totalMs,
  coveredMs: covered.totalMs,
  positionMs: received.positionMs,
});

/** Each source that was ever heard in this log: on this node, and, as far as they said it, on the others. */
export function heardOf(
  ledger: AudioLedger,
  meeting: MeetingRef,
  epoch: string,
  elsewhere: readonly AudioNote[],
): Partial<Record<Source, Heard>> {
  const accounts = ledger.of(meeting);
  const known = sources.flatMap((source) => {
    const account = accounts.get(source);
    const notes: Heard[] = elsewhere.filter((note) => note.source === source && note.epoch === epoch);
    if (account) notes.push(noteOf(account, epoch));
    return notes.length === 0 ? [] : [[source, sumOf(notes)] as const];
  });
  return Object.fromEntries(known);
}

/** How far the meeting's clock, or that of one source, has got on other nodes. */
export function positionElsewhere(elsewhere: readonly AudioNote[], epoch: string, source?: Source): number {
  const notes = elsewhere.filter(
    (note) => note.epoch === epoch && (source === undefined || note.source === source),
  );
  return Math.max(0, ...notes.map(({ positionMs }) => positionMs));
}

const sumOf = (notes: readonly Heard[]): Heard => ({
  receivedMs: sum(notes.map(({ receivedMs }) => receivedMs)),
  forwardedMs: sum(notes.map(({ forwardedMs }) => forwardedMs)),
  coveredMs: sum(notes.map(({ coveredMs }) => coveredMs)),
});

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
