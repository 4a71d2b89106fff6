/** A store that lives and dies with the process: for tests, demos and a first afternoon. */
import { randomUUID } from 'node:crypto';
import {
  checkOptions,
  type LogEntry,
  type LoggedEvent,
  type Source,
  type TranscriptFinal,
} from '@meetcast/protocol';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import { type Coverage, checkEpoch, coverageAfter, factsOf, including, reachFor } from './entry-facts.ts';
import { asKept, finalsMeant, type RetractEntry, retractionEntry, tombstoneOf } from './retractions.ts';
import { termsOf } from './search-terms.ts';
import type {
  AppendOptions,
  MeetingInfo,
  Page,
  PageRequest,
  Reach,
  Retraction,
  SearchHit,
  Store,
} from './store.ts';

interface Log {
  readonly ref: MeetingRef;
  readonly epoch: string;
  /** Higher than that of every meeting made before. */
  readonly number: number;
  readonly events: LoggedEvent[];
  /** The finals of the transcript, by segment. */
  readonly standing: Map<number, TranscriptFinal>;
  /** Every segment that was ever logged. */
  readonly segments: Map<number, number>;
  readonly retractions: RetractEntry[];
  readonly coverage: Map<Source, Coverage>;
  /** What the recognizer itself said, by seq. */
  readonly raw: Map<number, string>;
  info: Pick<MeetingInfo, 'title' | 'endedAt' | 'languages' | 'sources'>;
  segmentNo: number;
}

/** Logs in memory, without a bound: a day of one meeting is a few megabytes. */
export function memoryStore(options: { readonly keepRaw?: boolean } = {}): Store {
  checkOptions('memoryStore', options, { keepRaw: true });
  return new MemoryStore(options.keepRaw ?? false);
}

class MemoryStore implements Store {
  readonly #instance = randomUUID();
  readonly #logs = new Map<string, Log>();
  #generation = 1;
  readonly #keepRaw: boolean;
  #lastNumber = 0;
  #isClosed = false;

  constructor(keepRaw: boolean) {
    this.#keepRaw = keepRaw;
  }

  async append(meeting: MeetingRef, entry: LogEntry, { reach, raw, epoch, words = [] }: AppendOptions = {}) {
    const log = this.#open(meeting, epoch);
    const { segmentNo } = factsOf(entry);
    const there = segmentNo === undefined ? undefined : log.events[(log.segments.get(segmentNo) ?? 0) - 1];
    if (reach) cover(log, reachFor(reach, entry, there));
    if (there) return { epoch: log.epoch, event: there };
    const isGone = (no: number) => log.events[(log.segments.get(no) ?? 0) - 1]?.type === 'retract';
    const kept = asKept(entry, words, { retractions: log.retractions, isGone });
    const event = insert(log, kept);
    // It has the words that were taken back as well.
    if (kept === entry && raw !== undefined && this.#keepRaw) log.raw.set(event.seq, raw);
    return { epoch: log.epoch, event };
  }

  async read(meeting: MeetingRef, after: number, limit: number) {
    const log = this.#find(meeting);
    return { epoch: log?.epoch ?? this.#nextEpoch, events: log?.events.slice(after, after + limit) ?? [] };
  }

  async head(meeting: MeetingRef) {
    const log = this.#find(meeting);
    if (!log) return { epoch: this.#nextEpoch, seq: 0, segmentNo: 0 };
    return { epoch: log.epoch, seq: log.events.length, segmentNo: log.segmentNo };
  }

  async cover(meeting: MeetingRef, reach: Reach, epoch?: string) {
    return cover(this.#open(meeting, epoch), reach);
  }

  async covered(meeting: MeetingRef, source: Source) {
    return this.#find(meeting)?.coverage.get(source)?.coveredMs ?? 0;
  }

  async lastSession(meeting: MeetingRef, source: Source) {
    return this.#find(meeting)?.coverage.get(source)?.last;
  }

  async raw(meeting: MeetingRef, seq: number) {
    return this.#find(meeting)?.raw.get(seq);
  }

  async transcript(meeting: MeetingRef, after: number, limit: number) {
    const standing = [...(this.#find(meeting)?.standing.values() ?? [])];
    return standing.filter(({ seq }) => seq > after).slice(0, limit);
  }

  async meeting(meeting: MeetingRef) {
    const log = this.#find(meeting);
    return log && log.events.length > 0 ? infoOf(log) : undefined;
  }

  async meetings(tenant: string, { after, limit }: PageRequest): Promise<Page<MeetingInfo>> {
    const before = after === undefined ? Number.POSITIVE_INFINITY : Number(after);
    const logs = this.#newestFirst(tenant).filter(
      ({ number, events }) => number < before && events.length > 0,
    );
    const page = logs.slice(0, limit);
    return { items: page.map(infoOf), next: logs.length > limit ? String(page.at(-1)?.number) : undefined };
  }

  async search(
    where: { tenant: string; id?: string },
    terms: readonly string[],
    { after, limit }: PageRequest,
  ) {
    const [meeting, seq] = (after ?? 'Infinity.0').split('.').map(Number);
    const hits = this.#newestFirst(where.tenant)
      .filter(
        ({ ref, number }) => (where.id === undefined || ref.id === where.id) && number <= Number(meeting),
      )
      .flatMap((log) => hitsIn(log, terms).map((final) => ({ log, final })))
      .filter(({ log, final }) => log.number < Number(meeting) || final.seq > Number(seq));
    const page = hits.slice(0, limit);
    const last = page.at(-1);
    const items: SearchHit[] = page.map(({ log, final }) => ({ meeting: log.ref.id, final }));
    return { items, next: hits.length > limit && last ? `${last.log.number}.${last.final.seq}` : undefined };
  }

  async retract(meeting: MeetingRef, what: Retraction, ts: string) {
    const log = this.#open(meeting);
    const finals = log.events.flatMap((event) => (event.type === 'transcript.final' ? [event] : []));
    const meant = finalsMeant(finals, retractionEntry({ meetingId: meeting.id, ts }, what));
    for (const final of meant) {
      log.events[final.seq - 1] = { ...tombstoneOf(final), seq: final.seq };
      log.standing.delete(final.segment_no);
      log.raw.delete(final.seq);
    }
    const entry = retractionEntry({ meetingId: meeting.id, ts }, what, meant);
    log.retractions.push(entry);
    return { epoch: log.epoch, event: insert(log, entry) };
  }

  async forget(meeting: MeetingRef) {
    const isThere = this.#logs.delete(meetingKey(meeting));
    if (isThere) this.#generation += 1;
    return isThere;
  }

  async ping() {
    this.#checkOpen();
  }

  async close() {
    this.#isClosed = true;
    this.#logs.clear();
  }

  get #nextEpoch(): string {
    return `${this.#instance}-${this.#generation}`;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Error('the store is closed');
  }

  #find(meeting: MeetingRef): Log | undefined {
    this.#checkOpen();
    return this.#logs.get(meetingKey(meeting));
  }

  /** `epoch`: of the only log that is meant, if it is one only. */
  #open(ref: MeetingRef, epoch?: string): Log {
    const there = this.#find(ref);
    checkEpoch(there?.epoch ?? this.#nextEpoch, epoch);
    if (there) return there;
    this.#lastNumber += 1;
    const log: Log = {
      ref,
      epoch: this.#nextEpoch,
      number: this.#lastNumber,
      events: [],
      standing: new Map(),
      segments: new Map(),
      retractions: [],
      coverage: new Map(),
      raw: new Map(),
      info: { title: undefined, endedAt: undefined, languages: [], sources: [] },
      segmentNo: 0,
    };
    this.#logs.set(meetingKey(ref), log);
    return log;
  }

  #newestFirst(tenant: string): Log[] {
    return [...this.#logs.values()]
      .filter(({ ref }) => ref.tenant === tenant)
      .sort((a, b) => b.number - a.number);
  }
}

function cover(log: Log, reach: Reach): number {
  const coverage = coverageAfter(log.coverage.get(reach.source), reach);
  log.coverage.set(reach.source, coverage);
  return coverage.coveredMs;
}

function insert(log: Log, entry: LogEntry): LoggedEvent {
  const { title, language, source, endedAt, segmentNo, revises } = factsOf(entry);
  // As it will be told: whoever gave it may change it later.
  const given = JSON.parse(JSON.stringify(entry)) as LogEntry;
  const event: LoggedEvent = { ...given, seq: log.events.length + 1 };
  log.events.push(event);
  log.info = {
    title: title ?? log.info.title,
    endedAt: endedAt === undefined ? log.info.endedAt : (endedAt ?? undefined),
    languages: including(log.info.languages, language),
    sources: including(log.info.sources, source),
  };
  if (segmentNo !== undefined) {
    log.segments.set(segmentNo, event.seq);
    log.segmentNo = Math.max(log.segmentNo, segmentNo);
  }
  if (revises !== undefined) log.standing.delete(revises);
  if (event.type === 'transcript.final') log.standing.set(event.segment_no, event);
  return event;
}

const infoOf = ({ ref, epoch, events, info }: Log): MeetingInfo => ({
  id: ref.id,
  epoch,
  seq: events.length,
  startedAt: events[0]?.ts ?? '',
  ...info,
});

function hitsIn(log: Log, terms: readonly string[]): TranscriptFinal[] {
  if (terms.length === 0) return [];
  return [...log.standing.values()].filter(({ text }) => {
    const there = new Set(termsOf(text));
    return terms.every((term) => there.has(term));
  });
}
