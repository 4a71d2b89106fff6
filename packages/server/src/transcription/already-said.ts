/** What a log has of audio that is sent again: gaps that it may fill, and words of one channel that it need not say again. */
import type { Gap, Source } from '@meetcast/protocol';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { RecognizedSpan } from '../recognizer/recognizer.ts';
import { withWords } from '../recognizer/span.ts';

/** Milliseconds of the meeting's clock: from, to. */
export type Stretch = readonly [number, number];

/** How far back in the log a gap is looked for. */
const recentEntries = 1_000;

export class AlreadySaid {
  readonly #gaps: readonly Gap[];

  readonly #saidUntilMs: ReadonlyMap<number, number>;

  /** `saidUntilMs`: of channels that are heard apart, where the words of each end in the log. */
  constructor(gaps: readonly Gap[], saidUntilMs: ReadonlyMap<number, number> = new Map()) {
    this.#gaps = gaps;
    this.#saidUntilMs = saidUntilMs;
  }

  /** Without the words that the log has: a source is durable only as far as the slowest of its channels. */
  withoutSaid(span: RecognizedSpan, meetingMs: (streamMs: number) => number): RecognizedSpan {
    const untilMs = this.#saidUntilMs.get(span.channel);
    if (untilMs === undefined) return span;
    const words = span.words.filter(({ startMs, endMs }) => meetingMs((startMs + endMs) / 2) >= untilMs);
    return withWords(span, words);
  }

  /** The `seq` of the gap that words of this stretch of the meeting's clock fill. */
  filledBy({ start_ms, end_ms }: { start_ms: number; end_ms: number }): number | undefined {
    return this.#gaps.find((gap) => gap.start_ms < end_ms && start_ms < gap.end_ms)?.seq;
  }

  /** What of a stretch is in no gap. */
  missingFrom(fromMs: number, toMs: number): Stretch[] {
    const stretches: Stretch[] = [];
    let atMs = fromMs;
    for (const gap of this.#gaps.toSorted((a, b) => a.start_ms - b.start_ms)) {
      stretches.push([atMs, Math.min(gap.start_ms, toMs)]);
      atMs = Math.max(atMs, gap.end_ms);
    }
    return [...stretches, [atMs, toMs] as const].filter(([start, end]) => start < end);
  }
}

export const nothingSaid = new AlreadySaid([]);

/** Whether a source is on the record. */
const recordStatuses = ['live', 'off_record', 'on_record'];

interface Logged {
  readonly alreadySaid: AlreadySaid;
  readonly isOffRecord: boolean;
}

export const nothingLogged: Logged = { alreadySaid: nothingSaid, isOffRecord: false };

/**
 * What a source has in the log after a place on the meeting's clock: whoever resumes there sends that audio again. And
 * whether it was off the record at last.
 */
export async function loggedOf(
  log: TranscriptLog,
  source: Source,
  fromMs: number,
  headSeq: number,
): Promise<Logged> {
  const gaps: Gap[] = [];
  const saidUntilMs = new Map<number, number>();
  let isOffRecord = false;
  for (let after = Math.max(0, headSeq - recentEntries); after < headSeq; ) {
    const { events } = await log.read(after, headSeq - after);
    const last = events.at(-1);
    if (!last) break;
    for (const event of events) {
      if (event.type === 'gap' && event.source === source && event.end_ms > fromMs) gaps.push(event);
      if (event.type === 'status' && event.meta?.source === source && recordStatuses.includes(event.status))
        isOffRecord = event.status === 'off_record';
      if (event.meta?.source !== source || !('end_ms' in event) || event.end_ms === undefined) continue;
      // What was taken back was said, and need not be said again.
      const { channel } = event.meta;
      if (typeof channel !== 'number' || event.end_ms <= fromMs) continue;
      saidUntilMs.set(channel, Math.max(event.end_ms, saidUntilMs.get(channel) ?? 0));
    }
    after = last.seq;
  }
  return { alreadySaid: new AlreadySaid(gaps, saidUntilMs), isOffRecord };
}
