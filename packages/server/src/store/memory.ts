/** A store that lives and dies with the process: for tests, demos and a first afternoon. */
import { randomUUID } from 'node:crypto';
import type { LogEntry, LoggedEvent, Source, TranscriptFinal } from '@meetcast/protocol';
import { StaleFenceError } from '../errors.ts';
import { type MeetingRef, meetingKey } from '../meeting.ts';
import { factsOf, including, retractionEntry, tombstoneOf } from './entry-facts.ts';
import { termsOf } from './search-terms.ts';
import type { MeetingInfo, Page, PageRequest, Reach, Retraction, SearchHit, Store } from './store.ts';

interface Coverage {
  fence: number;
  coveredMs: number;
}

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
  readonly coverage: Map<Source, Coverage>;
  /** What the recognizer itself said, by seq. */
  readonly raw: Map<number, string>;
  info: Pick<MeetingInfo, 'title' | 'endedAt' | 'languages' | 'sources'>;
  segmentNo: number;
}

/** Logs in memory, without a bound: a day of one meeting is a few megabytes. */
export function memoryStore({ keepRaw = false }: { readonly keepRaw?: boolean } = {}): Store {
  return new MemoryStore(keepRaw);
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

  async append(meeting: MeetingRef, entry: LogEntry, reach?: Reach, raw?: string) {
    const log = this.#open(meeting);
    if (reach) cover(log, reach);
    const { segmentNo } = factsOf(entry);
    const there = segmentNo === undefined ? undefined : log.segments.get(segmentNo);
    const event = there === undefined ? insert(log, entry) : log.events[there - 1];
    if (there === undefined && raw !== undefined && this.#keepRaw) log.raw.set(log.events.length, raw);
    if (!event) throw new Error(`entry ${there} is missing`);
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

  async cover(meeting: MeetingRef, reach: Reach) {
    return cover(this.#open(meeting), reach);
  }

  async covered(meeting: MeetingRef, source: Source) {
    return this.#find(meeting)?.coverage.get(source)?.coveredMs ?? 0;
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
    for (const event of log.events.filter((event) => isMeant(event, what))) {
      if (event.type !== 'transcript.final') continue;
      log.events[event.seq - 1] = tombstoneOf(event);
      log.standing.delete(event.segment_no);
      log.raw.delete(event.seq);
    }
    const event = insert(log, retractionEntry(meeting.id, what, ts));
    return { epoch: log.epoch, event };
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

  #open(ref: MeetingRef): Log {
    const there = this.#find(ref);
    if (there) return there;
    this.#lastNumber += 1;
    const log: Log = {
      ref,
      epoch: this.#nextEpoch,
      number: this.#lastNumber,
      events: [],
      standing: new Map(),
      segments: new Map(),
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
  const before = log.coverage.get(reach.source);
  if (before && reach.fence < before.fence) {
    throw new StaleFenceError(`claim ${reach.fence} of ${reach.source} was replaced by ${before.fence}`);
  }
  const coveredMs = Math.max(before?.coveredMs ?? 0, Math.floor(reach.coveredMs));
  log.coverage.set(reach.source, { fence: reach.fence, coveredMs });
  return coveredMs;
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

function isMeant(event: LoggedEvent, what: Retraction): boolean {
  if (event.type !== 'transcript.final') return false;
  if ('segmentNo' in what) return event.segment_no === what.segmentNo;
  const isInside = event.start_ms < what.endMs && event.end_ms > what.startMs;
  return isInside && (what.source === undefined || event.meta?.source === what.source);
}
