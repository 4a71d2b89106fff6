/** Sources whose node died, or is cut off: one of the nodes that are left waits for them, and says what became of them. */
import { isNamed } from '../lib/errors.ts';
import type { MeetingRef } from '../lib/meeting.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Abandoned } from '../registry/registry.ts';
import type { Stretch } from '../transcription/already-said.ts';
import type { Observe } from '../watch/observer.ts';
import { type EndContext, sayWhatBecame } from './ending.ts';
import { type Ear, IngestStatuses } from './statuses.ts';
import { unheardOf } from './unheard.ts';

export interface AbandonedContext extends Omit<EndContext, 'log'> {
  readonly graceMs: number;
  readonly observe: Observe;
  log(meeting: MeetingRef): TranscriptLog;
}

/** The returned function leaves to other nodes whatever is waited for. */
export function watchAbandoned(context: AbandonedContext): () => void {
  const { registry, grace, graceMs, observe } = context;
  let isOver = false;
  const wait = async (abandoned: Abandoned): Promise<void> => {
    const { meeting, source } = abandoned;
    const log = context.log(meeting);
    if (abandoned.isHeardOut) return giveBack({ ...context, log }, abandoned, []);
    const coveredMs = await log.covered(source);
    if (isOver) return;
    const leave = async () => {
      if (!isOver) await settle({ ...context, log }, abandoned, coveredMs).catch(failed(meeting));
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
  const stop = registry.watchAbandoned?.(2 * graceMs, (abandoned) => {
    wait(abandoned).catch(failed(abandoned.meeting));
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
async function settle(context: EndContext, abandoned: Abandoned, beforeMs: number): Promise<void> {
  if ((await context.log.covered(abandoned.source)) > beforeMs) return;
  await giveBack(context, abandoned, await unheardOf(context, abandoned.source));
}

async function giveBack(
  context: EndContext,
  abandoned: Abandoned,
  unheard: readonly Stretch[],
): Promise<void> {
  const { source, fence } = abandoned;
  const what = await abandoned.release();
  if (!what) return;
  // Its sender may have a name, and resume later still.
  const speaking = { source, claim: { fence }, isResumed: false, canResume: true, title: undefined };
  const statuses = new IngestStatuses(speaking, context.log, nobody);
  await statuses.nodeLost(unheard);
  await sayWhatBecame(context, statuses, source, what);
}

const nobody: Ear = { send() {}, write() {} };
