/** Sources whose node died, or is isolated: one of the nodes that are left waits for them, and says what became of them. */
import { isNamed } from '../lib/errors.ts';
import type { MeetingRef } from '../lib/meeting.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { OrphanedClaim } from '../registry/registry.ts';
import type { Observe } from '../watch/observer.ts';
import { unheardOf } from './coverage.ts';
import { type EndContext, endSource, type LeftSource } from './ending.ts';

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
    const left = leftBy(context, orphan);
    if (orphan.isHeardOut) return endSource(left, { missing: [] });
    const coveredMs = await left.log.covered(source);
    if (isOver) return;
    const leaveMeeting = async () => {
      if (!isOver) await endUncovered(left, coveredMs).catch(failed(meeting));
    };
    // Its last words are lost already: it holds up no newcomer.
    grace.begin(meeting, source, { leaveMeeting });
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
 * A node that is isolated may still hear its sender. So nothing is said while more and more of the source
 * is covered; and what is said goes under the old fence, which shuts nobody out, and is refused once somebody else sends.
 */
async function endUncovered(left: LeftSource, beforeMs: number): Promise<void> {
  if ((await left.log.covered(left.source)) > beforeMs) return;
  await endSource(left, { missing: await unheardOf(left, left.source) });
}

function leftBy(context: DeadNodeContext, orphan: OrphanedClaim): LeftSource {
  const { meeting, source, fence } = orphan;
  const { registry, ledger, grace } = context;
  return {
    registry,
    ledger,
    grace,
    log: context.log(meeting),
    source,
    fence,
    release: () => orphan.release(),
  };
}
