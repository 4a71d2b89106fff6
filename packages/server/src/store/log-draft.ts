/** What a batch of writes makes of one meeting's log, worked out in memory while nobody else may write to it. */
import type { LogEntry, LoggedEvent, Source } from '@meetcast/protocol';
import { StaleFenceError } from '../errors.ts';
import type { MeetingRef } from '../meeting.ts';
import { factsOf, including } from './entry-facts.ts';
import type { Reach } from './store.ts';

/** A write of the log: an entry, a source's reach, or both in one step. */
export interface LogWrite {
  readonly meeting: MeetingRef;
  readonly entry?: LogEntry | undefined;
  readonly reach?: Reach | undefined;
  /** The recognizer's own words for the entry. */
  readonly raw?: string | undefined;
  /** What the entry is found by. */
  readonly terms?: readonly string[];
}

/** What a write came to. */
export interface Written {
  readonly epoch: string;
  readonly event: LoggedEvent | undefined;
  readonly coveredMs: number;
}

export interface Coverage {
  readonly fence: number;
  readonly coveredMs: number;
}

export interface NewEntry {
  readonly event: LoggedEvent;
  readonly raw: string | undefined;
  readonly terms: readonly string[];
}

/** A meeting's own row. */
export interface LogRow {
  readonly meeting: number;
  readonly ref: MeetingRef;
  readonly epoch: string;
  readonly seq: number;
  readonly segmentNo: number;
  readonly title: string | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly languages: readonly string[];
  readonly sources: readonly Source[];
}

export class LogDraft {
  /** What is to be written. */
  row: LogRow;
  readonly entries: NewEntry[] = [];
  readonly coverage = new Map<Source, Coverage>();
  /** Segments that another final replaces. */
  readonly revised = new Set<number>();
  readonly #covered: ReadonlyMap<Source, Coverage>;
  readonly #segments: Map<number, LoggedEvent>;

  /** `segments` has at least those entries there are of the segments that will be written. */
  constructor(row: LogRow, covered: ReadonlyMap<Source, Coverage>, segments: Map<number, LoggedEvent>) {
    this.row = row;
    this.#covered = covered;
    this.#segments = segments;
  }

  /** Changes nothing if it throws. */
  write({ entry, reach, raw, terms = [] }: LogWrite): Written {
    const coveredMs = reach ? this.#cover(reach) : 0;
    return { epoch: this.row.epoch, event: entry && this.#append(entry, { raw, terms }), coveredMs };
  }

  isRevised({ event }: NewEntry): boolean {
    return event.type === 'transcript.final' && this.revised.has(event.segment_no);
  }

  #cover({ source, fence, coveredMs }: Reach): number {
    const before = this.coverage.get(source) ?? this.#covered.get(source);
    if (before && fence < before.fence) {
      throw new StaleFenceError(`claim ${fence} of ${source} was replaced by ${before.fence}`);
    }
    const covered = Math.max(before?.coveredMs ?? 0, Math.floor(coveredMs));
    this.coverage.set(source, { fence, coveredMs: covered });
    return covered;
  }

  #append(entry: LogEntry, beside: Omit<NewEntry, 'event'>): LoggedEvent {
    const { title, language, source, endedAt, segmentNo, revises } = factsOf(entry);
    const there = segmentNo === undefined ? undefined : this.#segments.get(segmentNo);
    if (there) return there;
    const event: LoggedEvent = { ...entry, seq: this.row.seq + 1 };
    if (revises !== undefined) this.revised.add(revises);
    if (segmentNo !== undefined) {
      this.#segments.set(segmentNo, event);
      this.revised.delete(segmentNo);
    }
    this.entries.push({ event, ...beside });
    this.row = {
      ...this.row,
      seq: event.seq,
      segmentNo: Math.max(this.row.segmentNo, segmentNo ?? 0),
      title: title ?? this.row.title,
      startedAt: this.row.startedAt ?? entry.ts,
      endedAt: endedAt === undefined ? this.row.endedAt : endedAt,
      languages: including(this.row.languages, language),
      sources: including(this.row.sources, source),
    };
    return event;
  }
}
