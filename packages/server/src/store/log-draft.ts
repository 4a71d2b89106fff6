/** What a batch of writes makes of one meeting's log, worked out in memory while nobody else may write to it. */
import type { LogEntry, LoggedEvent, Source } from '@meetcast/protocol';
import type { MeetingRef } from '../lib/meeting.ts';
import { type Coverage, checkEpoch, coverageAfter, factsOf, including, reachFor } from './entry-facts.ts';
import { asKept, type RetractEntry } from './retractions.ts';
import { termsOf } from './search-terms.ts';
import type { AppendOptions, Reach, TimedWord } from './store.ts';

/** A write of the log: an entry, a source's reach, or both in one step. */
export interface LogWrite extends AppendOptions {
  readonly meeting: MeetingRef;
  readonly entry?: LogEntry | undefined;
  /** What the entry is found by. */
  readonly terms?: readonly string[];
}

/** What a write came to. */
export interface Written {
  readonly epoch: string;
  readonly event: LoggedEvent | undefined;
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

/** What a meeting's log has, as far as its writes depend on it. */
export interface LogState {
  readonly covered?: ReadonlyMap<Source, Coverage> | undefined;
  /** At least those entries there are of the segments that will be written, and of those that these revise. */
  readonly segments?: Map<number, LoggedEvent> | undefined;
  /** All of them, if a final will be written. */
  readonly retractions?: readonly RetractEntry[] | undefined;
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
  readonly #retractions: readonly RetractEntry[];

  constructor(row: LogRow, { covered = new Map(), segments = new Map(), retractions = [] }: LogState = {}) {
    this.row = row;
    this.#covered = covered;
    this.#segments = segments;
    this.#retractions = retractions;
  }

  /** Changes nothing if it throws. */
  write({ entry, reach, raw, terms = [], words = [], epoch }: LogWrite): Written {
    checkEpoch(this.row.epoch, epoch);
    const there = entry && this.#there(entry);
    const coveredMs = reach ? this.#cover(reachFor(reach, entry, there)) : 0;
    const event = there ?? (entry && this.#add(entry, words, { raw, terms }));
    return { epoch: this.row.epoch, event, coveredMs };
  }

  #add(entry: LogEntry, words: readonly TimedWord[], beside: Omit<NewEntry, 'event'>): LoggedEvent {
    const isGone = (segmentNo: number) => this.#segments.get(segmentNo)?.type === 'retract';
    const kept = asKept(entry, words, { retractions: this.#retractions, isGone });
    if (kept === entry) return this.#append(entry, beside);
    const terms = kept.type === 'transcript.final' ? termsOf(kept.text) : [];
    // The recognizer's own words are those that were taken back as well.
    return this.#append(kept, { raw: undefined, terms });
  }

  isRevised({ event }: NewEntry): boolean {
    return event.type === 'transcript.final' && this.revised.has(event.segment_no);
  }

  #cover(reach: Reach): number {
    const { source } = reach;
    const coverage = coverageAfter(this.coverage.get(source) ?? this.#covered.get(source), reach);
    this.coverage.set(source, coverage);
    return coverage.coveredMs;
  }

  #there(entry: LogEntry): LoggedEvent | undefined {
    const { segmentNo } = factsOf(entry);
    return segmentNo === undefined ? undefined : this.#segments.get(segmentNo);
  }

  #append(entry: LogEntry, beside: Omit<NewEntry, 'event'>): LoggedEvent {
    const { title, language, source, endedAt, segmentNo, revises } = factsOf(entry);
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
