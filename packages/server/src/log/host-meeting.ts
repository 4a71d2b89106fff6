/** A meeting as its host sees it: what a back end says into the log by itself. */
import type { LoggedEvent, Source } from '@meetcast/protocol';
import { stamp } from '../lib/meeting.ts';
import { present } from '../lib/present.ts';
import type { Registry } from '../registry/registry.ts';
import type { Retraction } from '../store/store.ts';
import type { TranscriptLog } from './transcript-log.ts';

/** A segment a host transcribed itself. Times are milliseconds on the meeting's clock. */
export interface HostSegment {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly speaker?: string;
  readonly confidence?: number;
  readonly source?: Source;
  readonly language?: string;
  /** Names the utterance; without it the segment gets the next number. A partial's number is the later final's. */
  readonly segmentNo?: number;
  /** The `segmentNo` of the final that this final replaces. */
  readonly revises?: number;
}

/** What adds to the log resolves with the entry's `seq` once it is kept. */
export class HostMeeting {
  readonly #log: TranscriptLog;
  readonly #registry: Registry;

  constructor(log: TranscriptLog, registry: Registry) {
    this.#log = log;
    this.#registry = registry;
  }

  status(status: string, message: string, details?: Record<string, unknown>): Promise<number> {
    return this.#append({
      type: 'status',
      ...stamp(this.#log.meeting),
      status,
      message,
      ...(details ? { details } : {}),
    });
  }

  tip(tip: string, category?: string): Promise<number> {
    return this.#append({
      type: 'ai.tip',
      ...stamp(this.#log.meeting),
      tip,
      ...present({ category }),
    });
  }

  summary(summary: string, actionItems: readonly string[] = []): Promise<number> {
    return this.#append({
      type: 'summary',
      ...stamp(this.#log.meeting),
      summary,
      action_items: [...actionItems],
    });
  }

  async final(segment: HostSegment): Promise<number> {
    const { seq } = await this.numberedFinal(segment);
    return seq;
  }

  /** As `final`, and says which `segment_no` it has. One that is given is kept, even if the log has it already. */
  async numberedFinal(segment: HostSegment): Promise<{ seq: number; segmentNo: number }> {
    const { revises } = segment;
    const entry = {
      type: 'transcript.final' as const,
      ...(await this.#entryOf(segment)),
      ...present({ revises }),
    };
    const renumber = segment.segmentNo === undefined ? () => this.nextSegmentNo() : undefined;
    const { seq, segmentNo } = await this.#log.append(entry, { renumber });
    return { seq, segmentNo };
  }

  /** Shows words so far; resolves with the `segment_no` to give the final. */
  async partial(segment: HostSegment): Promise<number> {
    const partial = await this.#entryOf(segment);
    this.#log.show({ type: 'transcript.partial', ...partial });
    return partial.segment_no;
  }

  /** A number for a segment that is about to be said. */
  async nextSegmentNo(): Promise<number> {
    const { segmentNo } = await this.#log.head();
    return this.#registry.nextSegmentNo(this.#log.meeting, segmentNo + 1);
  }

  /** Takes text back: it is gone from the log, its rows, search and exports. */
  async retract(what: Retraction): Promise<number> {
    const { seq } = await this.#log.retract(what);
    return seq;
  }

  async #append(entry: Parameters<TranscriptLog['append']>[0]): Promise<LoggedEvent['seq']> {
    const { seq } = await this.#log.append(entry);
    return seq;
  }

  async #entryOf({ segmentNo, text, startMs, endMs, speaker, confidence, source, language }: HostSegment) {
    return {
      ...stamp(this.#log.meeting),
      segment_no: segmentNo ?? (await this.nextSegmentNo()),
      start_ms: startMs,
      end_ms: endMs,
      text,
      ...present({ speaker, confidence }),
      meta: present({ source, language }),
    };
  }
}
