/** Whose a stretch of unheard audio is: its sender's, who may send it again, or the hub's, so that no word is said twice. */
import type { Gap } from '@meetcast/protocol';
import { isNamed } from '../lib/errors.ts';
import { logGap } from '../log/gap.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Reach } from '../store/store.ts';
import type { GapHistory } from './gap-history.ts';
import type { Kept } from './kept.ts';
import { fromMs, toMs } from './leftover.ts';

/** `open`: nobody knows yet. */
export type Owner = 'hub' | 'sender' | 'open';

/**
 * The store's coverage decides: a sender begins where it stands. Moved beyond the audio it shuts its sender out, and the
 * fence of the lost claim shuts out the hub once anybody else has begun. `gapHistory` was read to the end.
 */
export async function ownerOf(
  kept: Kept,
  gapHistory: GapHistory,
  log: TranscriptLog,
  { senderAwayMs, nowMs }: { senderAwayMs: number; nowMs: number },
): Promise<Owner> {
  const { leftover } = kept;
  const coveredMs = await log.covered(leftover.source);
  // What was stored before is read after it: a session's first entry is there before it covers anything.
  await gapHistory.follow();
  if (leftover.claim === 'done') return 'hub';
  if (coveredMs >= toMs(leftover)) {
    if (isSentAgain(leftover, gapHistory)) return 'sender';
  } else {
    if (!isGivenUp(kept, gapHistory, senderAwayMs, nowMs)) return 'open';
    await kept.save({ claim: 'begun' });
    if (!(await claim(kept, gapHistory, log))) {
      await kept.save({ claim: 'none' });
      return 'open';
    }
  }
  await kept.save({ claim: 'done' });
  return 'hub';
}

/** It is covered: by its sender, which went on where its words ended, or by a session that began behind it. */
function isSentAgain({ claim }: Kept['leftover'], { firstStart, isRepaired }: GapHistory): boolean {
  if (firstStart !== 'recovered') return false;
  // Should the hub have claimed it and died, its sender came back behind it and has repaired nothing.
  return claim === 'none' || isRepaired;
}

/** Nobody may come back with it, or has for long. */
function isGivenUp({ leftover, isFound }: Kept, { gap }: GapHistory, awayMs: number, nowMs: number): boolean {
  if (!gap && !isFound) return false; // Its session's end is still to come.
  if (!leftover.canResume) return true;
  return nowMs - (gap ? Date.parse(gap.ts) : leftover.keptAtMs) >= awayMs;
}

/** From here on its sender would begin behind it; false if somebody has begun since its session was lost. */
async function claim({ leftover }: Kept, { gap }: GapHistory, log: TranscriptLog): Promise<boolean> {
  const { source, fence, epoch } = leftover;
  const reach = { source, fence, coveredMs: toMs(leftover) };
  try {
    if (gap) await log.cover(reach, epoch);
    else await tellGap(leftover, log, reach);
    return true;
  } catch (error) {
    if (isNamed('StaleFenceError', error)) return false;
    throw error;
  }
}

/** The gap of the audio, written now if nobody has. */
export async function gapOf({ leftover }: Kept, gapHistory: GapHistory, log: TranscriptLog): Promise<Gap> {
  await gapHistory.follow();
  if (!gapHistory.gap) {
    await tellGap(leftover, log, undefined);
    await gapHistory.follow();
  }
  if (!gapHistory.gap) throw new Error('a gap that was written is there');
  return gapHistory.gap;
}

async function tellGap(
  leftover: Kept['leftover'],
  log: TranscriptLog,
  reach: Reach | undefined,
): Promise<void> {
  const { source, cause, epoch } = leftover;
  const missing = { source, start_ms: fromMs(leftover), end_ms: toMs(leftover), cause };
  await logGap(log, missing, { reach, epoch });
}
