/** Sources whose node died, or is cut off: one of the nodes that are left waits for them, and says what became of them. */
import type { Gap, Source } from '@meetcast/protocol';
import { positionElsewhere } from './audio-notes.ts';
import { isNamed } from './errors.ts';
import { type EndContext, sayWhatBecame } from './ingest-end.ts';
import { type Ear, IngestStatuses } from './ingest-statuses.ts';
import type { MeetingRef } from './meeting.ts';
import type { Observe } from './observer.ts';
import type { Abandoned } from './registry/registry.ts';
import type { TranscriptLog } from './transcript-log.ts';

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
    const coveredMs = await log.covered(source);
    if (isOver) return;
    const leave = async () => {
      if (!isOver) await settle({ ...context, log }, abandoned, coveredMs).catch(failed(meeting));
    };
    // Its last words are lost already: it holds up no newcomer.
    const { signal: wanted } = new AbortController();
    grace.begin(meeting, source, { wanted }, { settle: async () => {}, leave, makeWay: async () => {} });
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
  const { log } = context;
  const { source, fence } = abandoned;
  const coveredMs = await log.covered(source);
  if (coveredMs > beforeMs) return;
  const gaps = await unheard(context, source, coveredMs);
  const what = await abandoned.release();
  if (!what) return;
  // Its sender may have a name, and resume later still.
  const speaking = { source, claim: { fence }, isResumed: false, canResume: true, title: undefined };
  const statuses = new IngestStatuses(speaking, log, nobody);
  for (const [fromMs, toMs] of gaps) await statuses.gap(fromMs, toMs, 'hub_failed');
  await sayWhatBecame(context, statuses, source, what);
}

const nobody: Ear = { send() {}, write() {} };

/** How far back in the log a gap is looked for. */
const recentEntries = 1_000;

/** What is known to have been received, and has neither words nor a gap. Nodes tell each other every second. */
async function unheard(
  { log, registry, ledger }: EndContext,
  source: Source,
  coveredMs: number,
): Promise<Stretch[]> {
  const { epoch, seq } = await log.settledHead();
  const { elsewhere } = await registry.counts(log.meeting);
  const here = ledger.of(log.meeting).get(source);
  const hereMs = here?.epoch === epoch ? here.received.positionMs : 0;
  const toMs = Math.floor(Math.max(hereMs, positionElsewhere(elsewhere, epoch, source)));
  const { events } = await log.read(Math.max(0, seq - recentEntries), recentEntries);
  const isToldOf = (event: { type: string }): event is Gap => event.type === 'gap';
  return between(
    coveredMs,
    toMs,
    events.filter(isToldOf).filter((gap) => gap.source === source),
  );
}

/** Milliseconds of the meeting's clock: from, to. */
type Stretch = readonly [number, number];

function between(fromMs: number, toMs: number, gaps: readonly Gap[]): Stretch[] {
  const stretches: Stretch[] = [];
  let atMs = fromMs;
  for (const gap of [...gaps].sort((a, b) => a.start_ms - b.start_ms)) {
    stretches.push([atMs, Math.min(gap.start_ms, toMs)]);
    atMs = Math.max(atMs, gap.end_ms);
  }
  return [...stretches, [atMs, toMs] as const].filter(([start, end]) => start < end);
}
