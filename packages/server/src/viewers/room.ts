/** One meeting's viewers on this node, with one subscription of the bus. */
import { isRetracted, type Retract, type Source, type TranscriptPartial } from '@meetcast/protocol';
import type { Unsubscribe } from '../bus/bus.ts';
import type { Message } from '../bus/message.ts';
import type { MessageBus } from '../bus/message-bus.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { LogPage, Position } from '../store/store.ts';

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

/** Retractions against which they are. */
const rememberedRetractions = 100;

/** How far back in the log a new room looks for them. */
const recalledEntries = 100;

export class Room {
  readonly log: TranscriptLog;
  readonly #pageEntries: number;
  readonly #onDelivered: (messages: number) => void;
  readonly #members = new Set<Member>();
  readonly #partials = new Map<Source, Message>();
  /** Segments whose final came lately: a partial of theirs comes too late. */
  readonly #finished = new Set<number>();
  #recalled: Promise<void> | undefined;
  /** What was taken back lately: partials of it are not shown. */
  readonly #retractions: Retract[] = [];
  readonly #subscription: Promise<Unsubscribe>;
  #reads = new Map<number, Promise<LogPage>>();
  #queue: Message[] = [];
  #flush: NodeJS.Immediate | undefined;
  #headSeq = 0;
  /** The log that the first entry heard of belongs to. */
  #epoch: string | undefined;

  constructor(
    log: TranscriptLog,
    bus: MessageBus,
    pageEntries: number,
    onDelivered = (_messages: number) => {},
  ) {
    this.log = log;
    this.#pageEntries = pageEntries;
    this.#onDelivered = onDelivered;
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

  /** Resolves once messages arrive; rejects if the bus refused. */
  async join(member: Member): Promise<void> {
    this.#members.add(member);
    await this.#subscription;
  }

  leave(member: Member): void {
    this.#members.delete(member);
  }

  /** Whether a message still says something: not if it is a partial whose final has come, or that was taken back. */
  stands(message: Message): boolean {
    if (message.type !== 'transcript.partial') return true;
    return !this.#finished.has(message.segmentNo) && !this.#isRetracted(message);
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

  /** Learns, once, what was taken back before the room was made: partials of it may still come. Never rejects. */
  recall({ seq }: Position): Promise<void> {
    this.#recalled ??= this.#recallTo(seq).catch(() => {
      this.#recalled = undefined; // Whoever comes next tries again.
    });
    return this.#recalled;
  }

  async #recallTo(seq: number): Promise<void> {
    if (seq === 0) return;
    const { events } = await this.log.read(Math.max(0, seq - recalledEntries), recalledEntries);
    for (const event of events) if (event.type === 'retract') this.#takeBack(event);
  }

  /** The log is known to reach this far. */
  reach({ epoch, seq }: Position): void {
    if (seq <= this.#headSeq) return;
    this.#epoch ??= epoch;
    this.#headSeq = seq;
    // A query that began before may not show it: who asks from here on must not share that one.
    this.#reads = new Map();
  }

  /** The meeting was forgotten: everybody begins anew. */
  restart(): void {
    for (const member of this.#members) member.restart();
  }

  /** Hands everybody here a message that is for this node alone. */
  show(message: Message): void {
    this.#receive(message);
  }

  /** Nobody is saying any longer what a source was saying: its partial is not current for a newcomer. */
  silence(source: Source): void {
    this.#partials.delete(source);
  }

  /**
   * Looks whether the bus lost the last announcement before a silence: one query for all viewers. Answers false when
   * the log is another one: then everybody begins anew.
   */
  async checkHead(): Promise<boolean> {
    const before = this.#headSeq;
    const head = await this.log.head();
    // An empty log may get its epoch only with its first entry.
    const isAnother = before > 0 && (head.seq < before || head.epoch !== this.#epoch);
    if (isAnother) {
      this.restart();
      return false;
    }
    this.reach(head);
    for (const member of this.#members) member.behind(head.seq);
    return true;
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
      this.#onDelivered(batch.messages.length * this.#members.size);
      for (const member of this.#members) member.deliver(batch);
    });
  }

  async #readPage(after: number): Promise<LogPage> {
    if (this.#recalled !== undefined) await this.#recalled; // Whoever has read a page is shown what is said now.
    const page = await this.log.read(after, this.#pageEntries);
    for (const event of page.events) {
      if (event.type === 'transcript.final') this.#finish(event.segment_no);
      if (event.type === 'retract') this.#takeBack(event);
    }
    return page;
  }

  /** Keeps the head and the current partials. Answers false for a partial that came after its own final. */
  #remember(message: Message): boolean {
    const { type, source, segmentNo } = message;
    this.reach(message);
    if (!this.stands(message)) return false;
    if (type === 'transcript.final') this.#finish(segmentNo);
    if (type === 'retract') this.#takeBack(JSON.parse(message.text) as Retract);
    if (type === 'transcript.partial' && source !== undefined) this.#partials.set(source, message);
    // A source begins, or ends: what it was saying before was lost with its recognizer, or is final.
    if (type === 'status' && source !== undefined) this.silence(source);
    return true;
  }

  #takeBack(retract: Retract): void {
    const { segment_no: segmentNo } = retract;
    for (const no of retract.revisions ?? []) this.#finish(no);
    if (segmentNo !== undefined) return this.#finish(segmentNo);
    if (this.#retractions.some(({ seq }) => seq === retract.seq)) return;
    this.#retractions.push(retract);
    if (this.#retractions.length > rememberedRetractions) this.#retractions.shift();
    for (const [source, partial] of this.#partials) {
      if (this.#isRetracted(partial)) this.#partials.delete(source);
    }
  }

  /** Nobody has to know where a partial stands while nothing was taken back. */
  #isRetracted(partial: Message): boolean {
    if (this.#retractions.length === 0) return false;
    const words = JSON.parse(partial.text) as TranscriptPartial;
    return this.#retractions.some((retract) => isRetracted(words, retract));
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
