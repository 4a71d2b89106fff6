/** What the log is told of one source by whoever sends it, or speaks for it. */
import type { IngestDownstream, Source } from '@meetcast/protocol';
import { isNamed } from '../lib/errors.ts';
import { type MeetingRef, stamp } from '../lib/meeting.ts';
import { present } from '../lib/present.ts';
import { statusText } from '../lib/sentences.ts';
import { logGap } from '../log/gap.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Stretch } from '../transcription/already-said.ts';

/** Every entry carries the claim's fence: whoever was replaced, and does not know it yet, writes nothing more. */
export interface ClaimedSource {
  readonly source: Source;
  readonly fence: number;
}

/** Where the words of a source have got when there is no more audio. */
export interface EndDetails {
  readonly source: Source;
  readonly last_seq: number;
  readonly coverage: unknown;
}

/** It stands before the first words in the log, for those who write it wait their turn. */
export async function logStarted(
  log: TranscriptLog,
  claimed: ClaimedSource,
  { isResumed, title }: { readonly isResumed: boolean; readonly title: string | undefined },
): Promise<void> {
  const details = present({ title });
  if (isResumed) await logStatus(log, claimed, 'recovered', statusText.resumed, details);
  else await logStatus(log, claimed, 'live', statusText.started, details);
}

export async function logOffRecord(log: TranscriptLog, claimed: ClaimedSource, on: boolean): Promise<void> {
  if (on) await logStatus(log, claimed, 'off_record', statusText.offRecord);
  else await logStatus(log, claimed, 'on_record', statusText.onRecord);
}

/** No more audio comes; the last words follow. Not logged. */
export function showEnding(log: TranscriptLog, source: Source): void {
  const about = { type: 'status' as const, ...stamp(log.meeting), meta: { source } };
  const message = statusText.ending;
  log.show({ ...about, status: 'ending', message, details: { source } });
}

/** The meeting ends with its last source. False: somebody has begun that anew since. */
export const logEnded = (log: TranscriptLog, claimed: ClaimedSource, details: EndDetails): Promise<boolean> =>
  unlessBegunAnew(logStatus(log, claimed, 'ended', statusText.ended, details));

/** Nobody sends any longer. False: somebody has begun since. */
export const logIdle = (log: TranscriptLog, claimed: ClaimedSource): Promise<boolean> =>
  unlessBegunAnew(logStatus(log, claimed, 'idle', statusText.idle));

/** What a sender alone is told while its meeting goes on. Not logged. */
export function endedAlone(meeting: MeetingRef, details: EndDetails): IngestDownstream {
  const message = statusText.sourceEnded;
  return { type: 'status', ...stamp(meeting), status: 'ended', message, details: { ...details } };
}

/** What a node that is gone had received, unless somebody has begun since, who says it. Its sender may resume later still. */
export async function logLostWithNode(
  log: TranscriptLog,
  { source, fence }: ClaimedSource,
  missing: readonly Stretch[],
): Promise<void> {
  const reach = { source, fence, coveredMs: 0 };
  const gaps = missing.map(([start_ms, end_ms]) =>
    logGap(log, { source, start_ms, end_ms, cause: 'hub_failed' }, { reach }),
  );
  await Promise.all(gaps.map(unlessBegunAnew));
}

/** The claim is given back before this is said: whether nobody else has taken it and written. */
async function unlessBegunAnew(said: Promise<unknown>): Promise<boolean> {
  try {
    await said;
    return true;
  } catch (error) {
    if (!isNamed('StaleFenceError', error)) throw error;
    return false;
  }
}

async function logStatus(
  log: TranscriptLog,
  { source, fence }: ClaimedSource,
  status: string,
  message: string,
  more: object = {},
): Promise<void> {
  const about = { type: 'status' as const, ...stamp(log.meeting), meta: { source } };
  const entry = { ...about, status, message, details: { source, ...more } };
  await log.append(entry, { reach: { source, fence, coveredMs: 0 } });
}
