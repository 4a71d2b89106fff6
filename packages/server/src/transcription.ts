/** One source's words on their way from a recognizer stream into the log. */
import type { LogEntry, Source, TranscriptPartial } from '@meetcast/protocol';
import type { AudioAccount } from './audio-ledger.ts';
import { wholeWordsOf } from './cut-off.ts';
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
  /** Every partial and final, after it was announced. */
  readonly onMessage: (message: Message) => void;
}

export class Transcription {
  readonly #options: TranscriptionOptions;
  readonly #segmenter: Segmenter;
  readonly #segmentNos = new Map<number, number>();
  #durableMs: number;
  #heardAt = Date.now();
  #isAborted = false;
  #isCutOff = false;

  constructor(options: TranscriptionOptions) {
    this.#options = options;
    this.#segmenter = new Segmenter(options.stream.channels);
    this.#durableMs = options.clock.receivedMs;
  }

  /** Up to here on the meeting's clock every word is stored. */
  get durableMs(): number {
    return this.#durableMs;
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
        await this.#cover(clock.endAt(this.#segmenter.settledMs));
      }
      if (this.#isAborted) throw new Error('the transcription was given up');
      for (const utterance of this.#segmenter.end()) await this.#say(utterance);
      if (!this.#isCutOff) await this.#cover(clock.receivedMs);
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
    const { log, onMessage } = this.#options;
    const spoken = await this.#spoken(utterance);
    if (!utterance.isFinal) {
      const partial: TranscriptPartial = { type: 'transcript.partial', ...spoken };
      return onMessage(log.show(partial));
    }
    this.#segmentNos.delete(utterance.index);
    const entry: LogEntry = { type: 'transcript.final', ...spoken };
    const coveredMs = Math.floor(this.#options.clock.endAt(utterance.settledMs));
    onMessage(await log.append(entry, this.#reach(coveredMs)));
    this.#durable(coveredMs);
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
    const { segmentNo } = await log.head();
    const next = await registry.nextSegmentNo(log.meeting, segmentNo + 1);
    this.#segmentNos.set(index, next);
    return next;
  }

  /** Keeps that there was nothing to store up to here, so that the sender may forget its silence too. */
  async #cover(ms: number): Promise<void> {
    const coveredMs = Math.floor(ms);
    if (coveredMs <= this.#durableMs) return;
    await this.#options.log.cover(this.#reach(coveredMs));
    this.#durable(coveredMs);
  }

  #reach(coveredMs: number) {
    return { source: this.#options.source, fence: this.#options.fence, coveredMs };
  }

  #durable(ms: number): void {
    this.#durableMs = Math.max(this.#durableMs, ms);
    this.#options.account.covered.to(this.#durableMs);
  }
}
