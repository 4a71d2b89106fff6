/** Sources whose node died, or is cut off: one of the nodes that are left waits for them, and says what became of them. */
import { isNamed } from '../lib/errors.ts';
import type { MeetingRef } from '../lib/meeting.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { OrphanedClaim } from '../registry/registry.ts';
import type { Stretch } from '../transcription/already-said.ts';
import type { Observe } from '../watch/observer.ts';
import { type EndContext, sayWhatBecame } from './ending.ts';
import { type Ear, IngestStatuses } from './statuses.ts';
import { unheardOf } from './unheard.ts';

export interface DeadNodeContext extends Omit<EndContext, 'log'> {
  readonly graceMs: number;
  readonly observe: Observe;
  log(meeting: MeetingRef): TranscriptLog;
}

/** The returned function leaves to other nodes whatever is waited for. */
export function watchDeadNodes(context: DeadNodeContext): () => void {
  const { registry, grace, graceMs, observe } = context;
  let isOver = false;
  const wait = async (orphan: OrphanedClaim): Promise<void> => {
    const { meeting, source } = orphan;
    const log = context.log(meeting);
    if (orphan.isHeardOut) return giveBack({ ...context, log }, orphan, []);
    const coveredMs = await log.covered(source);
    if (isOver) return;
    const leave = async () => {
      if (!isOver) await settle({ ...context, log }, orphan, coveredMs).catch(failed(meeting));
    };
    // Its last words are lost already: it holds up no newcomer.
    const { signal: wanted } = new AbortController();
    const nothing = async () => {};
    grace.begin(meeting, source, { wanted }, { settle: nothing, leave, makeWay: nothing, isElsewhere: true });
  };
  const failed = (meeting: MeetingRef) => (error: unknown) => {
    if (isNamed('StaleFenceError', error)) return; // Somebody has begun to send it.
    observe({ type: 'error', stage: 'ingest', meeting, error });
  };
  // Told again, it is another wait: not before this one is over.
  const stop = registry.watchOrphaned?.(2 * graceMs, (orphan) => {
    wait(orphan).catch(failed(orphan.meeting));
  });
  return () => {
    isOver = true;
    stop?.();
  };
}

/**
 * A node that is cut off from the others may still hear its sender. So nothing is said while more and more of the source
 * is covered; and what is said goes under the old fence, which shuts nobody out, and is refused once somebody else sends.
 */
async function settle(context: EndContext, orphan: OrphanedClaim, beforeMs: number): Promise<void> {
  if ((await context.log.covered(orphan.source)) > beforeMs) return;
  await giveBack(context, orphan, await unheardOf(context, orphan.source));
}

async function giveBack(
  context: EndContext,
  orphan: OrphanedClaim,
  unheard: readonly Stretch[],
): Promise<void> {
  const { source, fence } = orphan;
  const what = await orphan.release();
  if (!what) return;
  // Its sender may have a name, and resume later still.
  const speaking = { source, claim: { fence }, isResumed: false, canResume: true, title: undefined };
  const statuses = new IngestStatuses(speaking, context.log, nobody);
  await statuses.nodeLost(unheard);
  await sayWhatBecame(context, statuses, source, what);
}

const nobody: Ear = { send() {} };
