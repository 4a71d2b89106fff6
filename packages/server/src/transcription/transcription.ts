/** One source's words on their way from a recognizer stream into the log. */
import type { Source, TranscriptPartial } from '@meetcast/protocol';
import type { Message } from '../bus/message.ts';
import { isNamed, type RecognizerError } from '../lib/errors.ts';
import { present } from '../lib/present.ts';
import { logGap } from '../log/gap.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type {
  RecognitionResult,
  RecognizedSpan,
  RecognizerState,
  RecognizerStream,
  Unheard,
  UnheardAudio,
} from '../recognizer/recognizer.ts';
import type { AlreadySaid } from './already-said.ts';
import type { AudioAccount } from './audio-ledger.ts';
import { entryOf, rawOf, wordsOf } from './entry.ts';
import { halfWordsOf, wholeWordsOf } from './half-words.ts';
import type { MeetingClock } from './meeting-clock.ts';
import { Segmenter, type Utterance } from './segmenter.ts';
import { SkippedAudio } from './skipped-audio.ts';
import type { UtteranceNumbers } from './utterance-numbers.ts';
import { Writes } from './writes.ts';

export interface TranscriptionOptions {
  readonly log: TranscriptLog;
  readonly numbers: UtteranceNumbers;
  readonly source: Source;
  /** The claim's number: a store refuses this transcription's words once another claim wrote. */
  readonly fence: number;
  readonly stream: RecognizerStream;
  readonly clock: MeetingClock;
  readonly account: AudioAccount;
  /** The gaps in the log that this audio may fill. */
  readonly alreadySaid: AlreadySaid;
  /** How the way to the recognizer is. */
  readonly onState: (state: RecognizerState) => void;
  /** Takes the audio that the recognizer was given and never answered for, when it refuses or is given up. */
  readonly onLeft: (audio: UnheardAudio) => void;
}

/** Milliseconds on the meeting's clock. */
interface Stretch {
  readonly start_ms: number;
  readonly end_ms: number;
}

/** Recognizers round their times. */
const roundingMs = 1;

export class Transcription {
  readonly #options: TranscriptionOptions;
  readonly #segmenter: Segmenter;
  readonly #holes = new SkippedAudio();
  readonly #writes: Writes;
  #heardAt = performance.now();
  #isAborted = false;
  /** Why the stream was given up, and what it left. */
  #givenUp: { readonly failure: RecognizerError; readonly left: UnheardAudio | undefined } | undefined;
  /** Where the last word of each channel ended that is in the log, or on its way. Stream time. */
  readonly #saidMs: number[];
  #over: () => void = () => {};
  /** Resolves when nothing more is heard: what was, is on its way to the log. */
  readonly over = new Promise<void>((resolve) => {
    this.#over = resolve;
  });
  #audioBrokeOff = false;
  #isAway = false;
  /** Words that may be half ones. */
  readonly #withheld: RecognizedSpan[] = [];

  constructor(options: TranscriptionOptions) {
    this.#options = options;
    this.#segmenter = new Segmenter(options.stream.channels);
    this.#saidMs = Array.from({ length: options.stream.channels }, () => 0);
    this.#writes = new Writes({
      fromMs: options.clock.receivedMs,
      account: options.account,
      onFailed: () => this.abort(),
    });
  }

  /** Up to here on the meeting's clock every word is stored. */
  get durableMs(): number {
    return this.#writes.durableMs;
  }

  /** Where the words begin that were heard and held back, if there are any. On the meeting's clock. */
  get withheldFromMs(): number | undefined {
    const first = this.#withheld.find(({ text }) => text !== '');
    return first && Math.floor(this.#options.clock.startAt(first.startMs));
  }

  /** How far each channel's words are in the log, or on their way. Milliseconds of the stream's audio. */
  get saidMs(): readonly number[] {
    return this.#saidMs;
  }

  /** Resolves when no write is on its way, whatever became of them. */
  get written(): Promise<void> {
    return this.#writes.over;
  }

  /** When the recognizer last said something, on the clock of `performance`: the system's may be set meanwhile. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Whether the recognizer cannot be reached now, so that its silence says nothing. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /**
   * Resolves when the stream has ended and everything heard is stored. Rejects with the RecognizerError of a stream that
   * stopped, a StaleFenceError, or the store's failure; the words after `durableMs` are then still the sender's.
   */
  async run(): Promise<void> {
    const { stream, clock } = this.#options;
    try {
      for await (const result of stream.results) {
        this.#heardAt = performance.now();
        if (result.kind === 'state') this.#changed(result);
        this.#accept(this.#audioBrokeOff ? this.#certain(result) : result);
        if (result.kind === 'unheard') this.#tellUnheard(result);
        this.#coverSettled();
      }
      if (this.#givenUp) {
        this.#sayHeard();
        this.#cover(clock.endAt(this.#segmenter.settledMs));
        throw this.#givenUp.failure;
      }
      if (this.#isAborted) throw this.#writes.failure?.error ?? new Error('the transcription was aborted');
      this.#sayHeard();
      if (!this.#audioBrokeOff) this.#cover(clock.receivedMs);
      await this.#writes.stored();
    } finally {
      const left = this.#givenUp?.left ?? stream.handOver?.();
      stream.abort();
      if (left) this.#options.onLeft(left);
      this.#over();
    }
  }

  /**
   * Nobody will send the end of broken-off audio again: the words that were held back are said. Rejects with a
   * StaleFenceError if somebody has.
   */
  async sayWithheld(): Promise<void> {
    for (const span of this.#withheld.splice(0)) this.#accept(span);
    this.#sayHeard();
    this.#cover(this.#options.clock.receivedMs);
    await this.#writes.stored();
  }

  /** The audio broke off, perhaps within a word; what comes after the last whole one is still the sender's. */
  breakOff(): void {
    this.#audioBrokeOff = true;
  }

  /** Waits for the recognizer no longer: what it has heard is said, what it has not goes to `onLeft`, `run` rejects. */
  giveUp(failure: RecognizerError): void {
    if (this.#isAborted || this.#givenUp) return;
    this.#givenUp = { failure, left: this.#options.stream.handOver?.() };
    this.#options.stream.abort();
  }

  /** Keeps that there is nothing to store as far as all is settled. Audio that went past the recognizer is: it has no words. */
  coverSettled(): void {
    if (!this.#audioBrokeOff) this.#coverSettled();
  }

  #coverSettled(): void {
    const { clock } = this.#options;
    const { settledMs } = this.#segmenter;
    const isAll = settledMs >= clock.forwardedMs - roundingMs;
    this.#cover(isAll ? clock.receivedMs : clock.endAt(settledMs));
  }

  /** Gives up: `run` rejects. */
  abort(): void {
    this.#isAborted = true;
    this.#options.stream.abort();
  }

  /** Nothing goes on with the words that wait for the end of their utterance. */
  #sayHeard(): void {
    for (const utterance of this.#segmenter.end()) this.#say(utterance);
  }

  #accept(result: RecognitionResult): void {
    const { clock, alreadySaid } = this.#options;
    const rest = result.kind === 'span' ? alreadySaid.withoutSaid(result, (ms) => clock.startAt(ms)) : result;
    for (const piece of this.#holes.cut(rest, clock.offsets))
      for (const utterance of this.#segmenter.accept(piece)) this.#say(utterance);
  }

  /** What is certain of a result; the rest is held back. */
  #certain(result: RecognitionResult): RecognitionResult {
    const certain = wholeWordsOf(result, this.#options.clock.forwardedMs);
    const rest = halfWordsOf(result, certain);
    if (rest) this.#withheld.push(rest);
    return certain;
  }

  #changed(state: RecognizerState): void {
    this.#isAway = state.state !== 'recovered';
    this.#options.onState(state);
  }

  /** Audio that nobody heard. What was refused is still its sender's: only what it does not get back is covered. */
  #tellUnheard({ startMs, endMs, cause }: Unheard): void {
    if (cause === 'refused') return;
    const { clock } = this.#options;
    const coveredMs = Math.floor(clock.endAt(endMs));
    const stretch = { start_ms: Math.round(clock.startAt(startMs)), end_ms: Math.round(clock.endAt(endMs)) };
    this.#writes.add(this.#gap(stretch, 'recognizer_unavailable', coveredMs), coveredMs);
  }

  #say(utterance: Utterance): void {
    const { log, numbers, clock, source, stream, alreadySaid } = this.#options;
    const place = { meeting: log.meeting, source, channels: stream.channels, offsets: clock.offsets };
    const body = entryOf(utterance, numbers.of(utterance), place);
    if (!utterance.isFinal) return this.#show(body);
    this.#saidMs[utterance.channel] = utterance.endMs;
    const coveredMs = Math.floor(clock.endAt(utterance.settledMs));
    const repairs = alreadySaid.filledBy(body);
    const entry = {
      type: 'transcript.final' as const,
      ...body,
      ...present({ repairs }),
    };
    // While the store is away the words still show; the numbered final follows.
    const written = log.append(entry, {
      reach: this.#reach(coveredMs),
      raw: rawOf(utterance),
      words: wordsOf(utterance, clock.offsets),
      onDelay: () => this.#show(body),
      renumber: () => numbers.afresh(),
      clock,
    });
    const kept = written.catch((error: unknown) => this.#leaveGap(error, entry, coveredMs));
    this.#writes.add(kept, coveredMs);
  }

  /** Words that no store takes must not hold up those after them: the log says that they are missing. */
  #leaveGap(error: unknown, stretch: Stretch, coveredMs: number): Promise<Message> {
    if (!isNamed('EntryRefusedError', error)) throw error;
    return this.#gap(stretch, 'entry_refused', coveredMs);
  }

  async #gap({ start_ms, end_ms }: Stretch, cause: string, coveredMs: number): Promise<Message> {
    const { log, source, account } = this.#options;
    const missing = { source, start_ms, end_ms, cause };
    const message = await logGap(log, missing, { reach: this.#reach(coveredMs) });
    account.covered.to(start_ms);
    account.covered.from(end_ms); // Nothing came back of what is between.
    return message;
  }

  #show(body: Omit<TranscriptPartial, 'type'>): void {
    this.#options.log.show({ type: 'transcript.partial', ...body });
  }

  /** Keeps that there was nothing to store up to here, so that the sender may forget its silence too. */
  #cover(ms: number): void {
    const coveredMs = Math.floor(ms);
    if (coveredMs <= this.#writes.coveredMs) return;
    this.#writes.add(this.#options.log.cover(this.#reach(coveredMs)), coveredMs);
  }

  #reach(coveredMs: number) {
    return { source: this.#options.source, fence: this.#options.fence, coveredMs };
  }
}
