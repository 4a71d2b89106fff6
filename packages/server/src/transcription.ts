/** One source's words on their way from a recognizer stream into the log. */
import type { LogEntry, Source, TranscriptPartial } from '@meetcast/protocol';
import type { AudioAccount } from './audio-ledger.ts';
import { wholeWordsOf } from './cut-off.ts';
import { isNamed } from './errors.ts';
import { stamp } from './meeting.ts';
import type { Message } from './message.ts';
import type { RecognizerStream } from './recognizer/recognizer.ts';
import type { Registry } from './registry/registry.ts';
import { Segmenter, type Utterance } from './segmenter.ts';
import type { StreamClock } from './stream-clock.ts';
import type { TranscriptLog } from './transcript-log.ts';

export interface TranscriptionOptions {
  readonly log: TranscriptLog;
  readonly registry: Registry;
  readonly source: Source;
  /** The claim's number: a store refuses this transcription's words once another claim wrote. */
  readonly fence: number;
  readonly stream: RecognizerStream;
  readonly clock: StreamClock;
  readonly account: AudioAccount;
  /** The highest `segment_no` in the log when this began. */
  readonly lastSegmentNo: number;
  /** Every partial and final, after it was announced. */
  readonly onMessage: (message: Message) => void;
}

export class Transcription {
  readonly #options: TranscriptionOptions;
  readonly #segmenter: Segmenter;
  readonly #segmentNos = new Map<number, number>();
  #lastSegmentNo: number;
  /** How far writes are on their way. */
  #coveredMs: number;
  #durableMs: number;
  /** The last write; they succeed in order. */
  #written: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;
  #heardAt = Date.now();
  #isAborted = false;
  #isCutOff = false;

  constructor(options: TranscriptionOptions) {
    this.#options = options;
    this.#segmenter = new Segmenter(options.stream.channels);
    this.#lastSegmentNo = options.lastSegmentNo;
    this.#coveredMs = options.clock.receivedMs;
    this.#durableMs = options.clock.receivedMs;
  }

  /** Up to here on the meeting's clock every word is stored. */
  get durableMs(): number {
    return this.#durableMs;
  }

  /** A promise to wait for when too many words wait for the store. */
  get room(): Promise<void> | undefined {
    return this.#options.log.room;
  }

  /** When the recognizer last said something: milliseconds since 1970. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /**
   * Resolves when the stream has ended and everything heard is stored. Rejects with the RecognizerError of a stream that
   * stopped, a StaleFenceError, or the store's failure; the words after `durableMs` are then still the sender's.
   */
  async run(): Promise<void> {
    const { stream, clock } = this.#options;
    try {
      for await (const result of stream.results) {
        this.#heardAt = Date.now();
        const certain = this.#isCutOff ? wholeWordsOf(result, clock.forwardedMs) : result;
        for (const utterance of this.#segmenter.accept(certain)) await this.#say(utterance);
        this.#cover(clock.endAt(this.#segmenter.settledMs));
      }
      if (this.#isAborted) throw this.#failure?.error ?? new Error('the transcription was given up');
      for (const utterance of this.#segmenter.end()) await this.#say(utterance);
      if (!this.#isCutOff) this.#cover(clock.receivedMs);
      await this.#written;
      if (this.#failure) throw this.#failure.error;
    } finally {
      stream.abort();
    }
  }

  /** The audio broke off, perhaps within a word; what comes after the last whole one is still the sender's. */
  cutOff(): void {
    this.#isCutOff = true;
  }

  /** Gives up: `run` rejects. */
  abort(): void {
    this.#isAborted = true;
    this.#options.stream.abort();
  }

  async #say(utterance: Utterance): Promise<void> {
    const spoken = await this.#spoken(utterance);
    if (!utterance.isFinal) return this.#show(spoken);
    this.#segmentNos.delete(utterance.index);
    const coveredMs = Math.floor(this.#options.clock.endAt(utterance.settledMs));
    this.#coveredMs = Math.max(this.#coveredMs, coveredMs);
    const { log, onMessage } = this.#options;
    const entry = { type: 'transcript.final' as const, ...spoken };
    // While the store is away the words still show; the numbered final follows.
    const raw = utterance.raw.length === 0 ? undefined : `[${utterance.raw.join(',')}]`;
    const written = log.append(entry, this.#reach(coveredMs), () => this.#show(spoken), raw);
    const kept = written.catch((error: unknown) => this.#leaveGap(error, entry, coveredMs));
    this.#await(kept.then(onMessage), coveredMs);
  }

  /** Words that no store takes must not hold up those after them: the log says that they are missing. */
  #leaveGap(
    error: unknown,
    { start_ms, end_ms }: LogEntry & { type: 'transcript.final' },
    coveredMs: number,
  ) {
    if (!isNamed('EntryRefusedError', error)) throw error;
    const { log, source } = this.#options;
    const gap = {
      type: 'gap' as const,
      ...stamp(log.meeting),
      source,
      start_ms,
      end_ms,
      cause: 'entry_refused',
    };
    return log.append(gap, this.#reach(coveredMs));
  }

  #show(spoken: Omit<TranscriptPartial, 'type'>): void {
    this.#options.onMessage(this.#options.log.show({ type: 'transcript.partial', ...spoken }));
  }

  /** Notes a write that is on its way; the first one that is refused ends the transcription. */
  #await(write: Promise<unknown>, coveredMs: number): void {
    this.#written = write.then(
      () => this.#durable(coveredMs),
      (error: unknown) => {
        this.#failure ??= { error };
        this.abort();
      },
    );
  }

  async #spoken(utterance: Utterance) {
    const { log, clock, source } = this.#options;
    return {
      ...stamp(log.meeting),
      segment_no: await this.#segmentNo(utterance.index),
      start_ms: Math.round(clock.startAt(utterance.startMs)),
      end_ms: Math.round(clock.endAt(utterance.endMs)),
      text: utterance.text,
      ...(utterance.speaker === undefined ? {} : { speaker: utterance.speaker }),
      ...(utterance.confidence === undefined ? {} : { confidence: utterance.confidence }),
      meta: { source, ...(utterance.language === undefined ? {} : { language: utterance.language }) },
    };
  }

  async #segmentNo(index: number): Promise<number> {
    const there = this.#segmentNos.get(index);
    if (there !== undefined) return there;
    const { log, registry } = this.#options;
    const next = await registry.nextSegmentNo(log.meeting, this.#lastSegmentNo + 1);
    this.#lastSegmentNo = next;
    this.#segmentNos.set(index, next);
    return next;
  }

  /** Keeps that there was nothing to store up to here, so that the sender may forget its silence too. */
  #cover(ms: number): void {
    const coveredMs = Math.floor(ms);
    if (coveredMs <= this.#coveredMs) return;
    this.#coveredMs = coveredMs;
    this.#await(this.#options.log.cover(this.#reach(coveredMs)), coveredMs);
  }

  #reach(coveredMs: number) {
    return { source: this.#options.source, fence: this.#options.fence, coveredMs };
  }

  #durable(ms: number): void {
    this.#durableMs = Math.max(this.#durableMs, ms);
    this.#options.account.covered.to(this.#durableMs);
  }
}
