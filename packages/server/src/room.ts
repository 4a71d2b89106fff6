/** One meeting's listeners on this node, with one bus subscription. */
import type { Source } from '@meetcast/protocol';
import type { Bus, Unsubscribe } from './bus/bus.ts';
import type { Message } from './message.ts';
import type { LogPage } from './store/store.ts';
import type { TranscriptLog } from './transcript-log.ts';

/** What a room heard in one turn of the event loop. */
export interface Batch {
  readonly messages: readonly Message[];
  /** All of them as WebSocket frames, shared by every viewer. */
  readonly frames: Buffer;
  /** The first and last `seq` among them; 0 and 0 if none is logged. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Whether the logged ones follow each other without a hole. */
  readonly isUnbroken: boolean;
  readonly epoch: string;
}

export interface Member {
  deliver(batch: Batch): void;
  /** The log is known to reach this `seq`, whatever the bus said. */
  behind(seq: number): void;
  /** The log is another one. */
  restart(): void;
}

/** Finals against which late partials are held. */
const rememberedFinals = 1_000;

export class Room {
  readonly log: TranscriptLog;
  readonly #pageEntries: number;
  readonly #members = new Set<Member>();
  readonly #partials = new Map<Source, Message>();
  /** Segments whose final came lately: a partial of theirs comes too late. */
  readonly #finished = new Set<number>();
  readonly #subscription: Promise<Unsubscribe>;
  #reads = new Map<number, Promise<LogPage>>();
  #queue: Message[] = [];
  #flush: NodeJS.Immediate | undefined;
  #headSeq = 0;

  constructor(log: TranscriptLog, bus: Bus, pageEntries: number) {
    this.log = log;
    this.#pageEntries = pageEntries;
    this.#subscription = bus.subscribe(log.meeting, (message) => this.#receive(message));
  }

  /** The highest `seq` heard of; the log may not hold it yet, or hold more. */
  get headSeq(): number {
    return this.#headSeq;
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /** What each source is saying now. */
  get partials(): Iterable<Message> {
    return this.#partials.values();
  }

  join(member: Member): void {
    this.#members.add(member);
  }

  leave(member: Member): void {
    this.#members.delete(member);
  }

  /** Resolves once messages arrive; rejects if the bus refused. */
  async ready(): Promise<void> {
    await this.#subscription;
  }

  /** Whether a message still says something: not if it is a partial whose final has come. */
  stands({ type, segmentNo }: Message): boolean {
    return type !== 'transcript.partial' || !this.#finished.has(segmentNo);
  }

  /** Reads on from a `seq`. Viewers at the same place share one query. */
  read(after: number): Promise<LogPage> {
    const reads = this.#reads;
    const there = reads.get(after);
    if (there !== undefined) return there;
    const page = this.#readPage(after).finally(() => reads.delete(after));
    reads.set(after, page);
    return page;
  }

  /** The log is known to hold this `seq`. */
  reach(seq: number): void {
    if (seq <= this.#headSeq) return;
    this.#headSeq = seq;
    // A query that began before may not show it: who asks from here on must not share that one.
    this.#reads = new Map();
  }

  /** The meeting was forgotten: everybody begins anew. */
  restart(): void {
    for (const member of this.#members) member.restart();
  }

  /** Looks whether the bus lost the last announcement before a silence: one query for all viewers. */
  async checkHead(): Promise<void> {
    const before = this.#headSeq;
    const { seq } = await this.log.head();
    if (seq < before) return this.restart();
    this.reach(seq);
    for (const member of this.#members) member.behind(seq);
  }

  async close(): Promise<void> {
    clearImmediate(this.#flush);
    this.#queue = [];
    const unsubscribe = await this.#subscription;
    await unsubscribe();
  }

  #receive(message: Message): void {
    if (!this.#remember(message)) return;
    this.#queue.push(message);
    this.#flush ??= setImmediate(() => {
      this.#flush = undefined;
      const batch = batchOf(this.#queue);
      this.#queue = [];
      for (const member of this.#members) member.deliver(batch);
    });
  }

  async #readPage(after: number): Promise<LogPage> {
    const page = await this.log.read(after, this.#pageEntries);
    for (const event of page.events) if (event.type === 'transcript.final') this.#finish(event.segment_no);
    return page;
  }

  /** Keeps the head and the current partials. Answers false for a partial that came after its own final. */
  #remember(message: Message): boolean {
    const { seq, type, source, segmentNo } = message;
    this.reach(seq);
    if (!this.stands(message)) return false;
    if (type === 'transcript.final') this.#finish(segmentNo);
    if (type === 'transcript.partial' && source !== undefined) this.#partials.set(source, message);
    return true;
  }

  #finish(segmentNo: number): void {
    this.#finished.add(segmentNo);
    const [oldest] = this.#finished;
    if (this.#finished.size > rememberedFinals && oldest !== undefined) this.#finished.delete(oldest);
    for (const [source, partial] of this.#partials) {
      if (partial.segmentNo === segmentNo) this.#partials.delete(source);
    }
  }
}

/** Joins messages into one buffer of frames. */
export function batchOf(messages: readonly Message[]): Batch {
  const logged = messages.filter(({ seq }) => seq > 0);
  const firstSeq = logged[0]?.seq ?? 0;
  return {
    messages,
    frames: Buffer.concat(messages.map(({ frame }) => frame)),
    firstSeq,
    lastSeq: logged.at(-1)?.seq ?? 0,
    isUnbroken: logged.every(({ seq }, index) => seq === firstSeq + index),
    epoch: logged[0]?.epoch ?? '',
  };
}
