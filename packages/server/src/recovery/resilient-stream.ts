/** One stream of results out of as many recognizer streams as it takes. */
import { AsyncQueue } from '../lib/async-queue.ts';
import { isNamed, RecognizerError } from '../lib/errors.ts';
import { recognizerText } from '../lib/sentences.ts';
import { bytesOf, msOf } from '../recognizer/pcm.ts';
import type {
  RecognitionResult,
  Recognizer,
  RecognizerRequest,
  RecognizerState,
  RecognizerStream,
  UnheardAudio,
} from '../recognizer/recognizer.ts';
import { AudioRing } from './audio-ring.ts';
import { Backpressure } from './backpressure.ts';
import { type Answer, Deafness } from './deafness.ts';
import { Merge } from './merge.ts';
import { ReplayFeed } from './replay-feed.ts';
import type { ResilientSettings } from './resilient-options.ts';
import { retryWaitMs } from './retry.ts';
import { StallWatch } from './stall-watch.ts';
import { unheardIn } from './unheard-audio.ts';

export interface ResilientStreamOptions {
  readonly recognizer: Recognizer;
  readonly request: RecognizerRequest;
  readonly settings: ResilientSettings;
  readonly channels: number;
}

interface Up {
  readonly name: 'up';
  readonly stream: RecognizerStream;
  readonly feed: ReplayFeed;
  readonly watch: StallWatch;
  readonly since: number;
}

/*
 *   starting ────┐                 with the first stream, or with the reason why there is none
 *                ▼
 *   opening ───▶ up ───▶ ended     all was heard; or from anywhere: refused for good, aborted
 *     ▲  │        │
 *     │  ▼        │
 *   waiting ◀─────┘                lost, or silent
 */
type State =
  | { readonly name: 'starting' }
  | { readonly name: 'opening'; readonly abort: AbortController }
  | Up
  | { readonly name: 'waiting'; readonly retry: NodeJS.Timeout }
  | { readonly name: 'ended'; readonly left: AudioRing | undefined };

/** A stream that lasted this long was well, whatever became of it. */
const healthyMs = 10_000;
/** Audio that may be on its way when a writer is asked to wait. */
const slackMsAtMost = 2_000;
/** What is read from a socket at once: all of it comes, however many of its frames say to wait. */
const readBytes = 64 * 1024;
/** A flush may hold back so much: a word that was still being said. */
const heldBackMs = 1_000;

export class ResilientStream implements RecognizerStream {
  readonly channels: number;
  readonly results = new AsyncQueue<RecognitionResult>();
  readonly #options: ResilientStreamOptions;
  readonly #ring: AudioRing;
  readonly #merge: Merge;
  readonly #deafness: Deafness;
  readonly #backpressure = new Backpressure();
  #state: State = { name: 'starting' };
  /** In a row. */
  #failures = 0;
  #said: RecognizerState['state'] = 'recovered';
  /** No more audio comes. */
  #isOver = false;
  /** The end of the audio whose words were asked for. */
  #flushedTo = 0;
  #pause: NodeJS.Timeout | undefined;
  #isPaused = false;
  /** Where the audio stopped, when its words were asked for because it had. */
  #stoppedMs: number | undefined;

  /** `first`: the stream that is open already, or why none could be opened yet. */
  constructor(options: ResilientStreamOptions, first: RecognizerStream | RecognizerError) {
    const { request, settings, channels } = options;
    this.#options = options;
    this.channels = channels;
    this.#ring = new AudioRing(request, settings);
    this.#merge = new Merge(channels);
    this.#deafness = new Deafness(channels, settings.silentMs);
    if (first instanceof Error) this.#failed(first, 'reconnecting');
    else this.#begin(first);
  }

  write(audio: Uint8Array): Promise<void> | undefined {
    if (this.#state.name === 'ended' || this.#isOver || audio.length === 0) return undefined;
    void this.#ring.append(audio);
    this.#watchForPause();
    if (this.#state.name === 'up') this.#state.feed.pump();
    const { request, settings } = this.#options;
    if (this.#isFull) return this.#backpressure.forRoom();
    if (this.#backlogMs <= settings.memoryMs) return undefined;
    return this.#backpressure.take(msOf(audio.length, request));
  }

  flush(): void {
    this.#ask();
    const up = this.#state;
    if (up.name !== 'up') return;
    this.#take(up, this.#deafness.trust());
    if (this.#state === up && this.#isPaused) this.#tellWithheld(up);
  }

  /** For the words of the audio so far. */
  #ask(): void {
    this.#stoppedMs = undefined;
    this.#flushedTo = this.#ring.end;
    if (this.#state.name === 'up') this.#state.feed.flush(this.#flushedTo);
  }

  finish(): void {
    if (this.#isOver || this.#state.name === 'ended') return;
    this.#isOver = true;
    this.#stoppedMs = undefined;
    clearTimeout(this.#pause);
    this.#backpressure.end();
    if (this.#state.name === 'up') this.#state.feed.finish();
    else if (this.#isAllHeard) this.#end({});
  }

  abort(): void {
    void this.handOver()?.discard();
  }

  handOver(): UnheardAudio | undefined {
    this.#end({}, this.#ring);
    const ring = this.#state.name === 'ended' ? this.#state.left : undefined;
    this.#enter({ name: 'ended', left: undefined });
    if (!ring) return undefined;
    const { request } = this.#options;
    const isHeard = this.#merge.reachedMs >= this.#writtenMs - 1;
    const from = Math.max(ring.start, bytesOf(this.#merge.replayFromMs, request));
    if (!isHeard && from < ring.end) return unheardIn(ring, from, request);
    void ring.close();
    return undefined;
  }

  /** Whether a writer that can wait should. What it has sent already is still taken. */
  get #isFull(): boolean {
    const { request, settings } = this.#options;
    const { keptMs } = settings;
    const onItsWayMs = Math.min(slackMsAtMost, keptMs / 4);
    const slackMs = Math.max(onItsWayMs, Math.min(msOf(readBytes, request), keptMs / 2));
    return request.canWait === true && msOf(this.#ring.room, request) < slackMs;
  }

  get #writtenMs(): number {
    return msOf(this.#ring.end, this.#options.request);
  }

  get #backlogMs(): number {
    const { request } = this.#options;
    const at =
      this.#state.name === 'up' ? this.#state.feed.position : bytesOf(this.#merge.replayFromMs, request);
    return msOf(this.#ring.end - Math.max(at, this.#ring.start), request);
  }

  /** Whether another stream would have nothing to say. */
  get #isAllHeard(): boolean {
    return this.#isOver && this.#merge.reachedMs >= this.#writtenMs - 1;
  }

  #open(): void {
    const { recognizer, request } = this.#options;
    const abort = new AbortController();
    const opening: State = { name: 'opening', abort };
    this.#enter(opening);
    recognizer.open(request, abort.signal).then(
      (stream) => (this.#state === opening ? this.#begin(stream) : stream.abort()),
      (error: unknown) => this.#state === opening && this.#failed(failureOf(error), 'reconnecting'),
    );
  }

  #begin(stream: RecognizerStream): void {
    const { request, settings, channels } = this.#options;
    if (stream.channels !== channels) {
      stream.abort();
      const message = recognizerText.wrongChannels(stream.channels, channels);
      return this.#failed(new RecognizerError(message, { retryable: false }), 'reconnecting');
    }
    const from = this.#place();
    const watch = new StallWatch(settings.silentMs, () => this.#fallenSilent(up));
    const feed = new ReplayFeed({
      ring: this.#ring,
      stream,
      format: request,
      replayPace: settings.replayPace,
      watch,
      from,
      caughtUp: () => this.#caughtUp(up),
      spoke: (startMs, endMs, isLoud) => this.#deafness.spoke(startMs, endMs, isLoud),
      flushed: (at) => this.#flushed(up, at),
      overtaken: () => this.#overtaken(up),
    });
    const up: Up = { name: 'up', stream, feed, watch, since: performance.now() };
    this.#enter(up);
    if (this.#flushedTo > from) feed.flush(this.#flushedTo);
    if (this.#isOver) feed.finish();
    else feed.pump();
    void this.#listen(up);
  }

  /** Where in the ring the next stream begins; what fell off before anybody heard it is told. */
  #place(): number {
    const { request } = this.#options;
    const from = Math.max(this.#ring.start, bytesOf(this.#merge.replayFromMs, request));
    const [startMs, endMs] = [this.#merge.reachedMs, msOf(from, request)];
    if (endMs > startMs) this.results.push({ kind: 'unheard', startMs, endMs, cause: 'too_long_away' });
    this.#merge.begin(endMs);
    this.#deafness.begin(endMs, this.#merge.reached);
    return from;
  }

  async #listen(up: Up): Promise<void> {
    try {
      for await (const result of up.stream.results) {
        if (this.#state !== up) return;
        this.#hear(up, result);
      }
      if (this.#state !== up) return;
      if (this.#isOver && up.feed.isFinished) {
        this.#take(up, this.#deafness.tellWithheld());
        return this.#end({});
      }
      this.#lost(up, new RecognizerError(recognizerText.endedEarly, { retryable: true }));
    } catch (error) {
      if (this.#state === up) this.#lost(up, failureOf(error));
    }
  }

  #hear(up: Up, result: RecognitionResult): void {
    up.watch.answered();
    const answer = this.#deafness.accept(result, this.#stoppedMs);
    if (!answer.finding) this.#recover(recognizerText.answersAgain);
    this.#take(up, answer);
    if (this.#state === up && this.#isPaused) this.#tellWithheld(up);
  }

  /** Takes what can be relied on. */
  #take(up: Up, { results, finding }: Answer): void {
    if (finding === 'deaf') return this.#fallenDeaf(up);
    if (finding === 'agreed') this.#say('recovered', recognizerText.noWordsEither);
    const before = this.#merge.reachedMs;
    for (const result of results) for (const rest of this.#merge.accept(result)) this.results.push(rest);
    if (this.#merge.reachedMs === before) return;
    if (this.#isAnswered(this.#flushedTo)) up.watch.payOff('flush');
    this.#failures = 0;
    this.#ring.release(bytesOf(this.#merge.replayFromMs, this.#options.request));
    if (!this.#isFull) this.#backpressure.makeRoom();
  }

  /** No audio comes that could make anything plainer. */
  #tellWithheld(up: Up): void {
    this.#take(up, this.#deafness.tellWithheld());
    // A flush may hold back a little, and off the record nothing follows that would bring it out.
    const isQuiet = this.#stoppedMs === undefined ? this.#deafness.isQuiet : this.#deafness.isSilent;
    if (this.#isAnswered(this.#ring.end) && isQuiet)
      for (const span of this.#merge.quiet(this.#writtenMs)) this.results.push(span);
    this.#endUtterances();
  }

  /** Nobody need speak for this to be answered: a writer that waits until its words are stored may say no more. */
  #flushed(up: Up, at: number): void {
    if (!this.#isAnswered(at)) up.watch.wait('flush');
  }

  #isAnswered(at: number): boolean {
    return this.#merge.reachedMs >= msOf(at, this.#options.request) - heldBackMs;
  }

  #caughtUp(up: Up): void {
    this.#backpressure.release();
    if (!up.watch.owes) this.#recover(recognizerText.connectedAgain);
  }

  #recover(reason: string): void {
    if (this.#said !== 'recovered' && !this.#deafness.isDoubting) this.#say('recovered', reason);
  }

  #overtaken(up: Up): void {
    if (this.#state !== up) return;
    this.#lost(up, new RecognizerError(recognizerText.tooSlow, { retryable: true }));
  }

  #fallenSilent(up: Up): void {
    const message = recognizerText.noAnswer(this.#options.settings.silentMs / 1000);
    this.#lost(up, new RecognizerError(message, { retryable: true }), 'silent');
  }

  #fallenDeaf(up: Up): void {
    this.#lost(up, new RecognizerError(recognizerText.noWords, { retryable: true }), 'silent');
  }

  #lost(up: Up, failure: RecognizerError, as: 'reconnecting' | 'silent' = 'reconnecting'): void {
    if (as === 'reconnecting' && performance.now() - up.since >= healthyMs) this.#failures = 0;
    up.stream.abort(failure);
    for (const end of this.#merge.lose()) this.results.push(end);
    this.#failed(failure, as);
  }

  #failed(failure: RecognizerError, as: 'reconnecting' | 'silent'): void {
    const { settings } = this.#options;
    if (this.#isAllHeard) return this.#end({});
    if (!failure.retryable) return this.#refused(failure);
    this.#failures += 1;
    this.#say(as, failure.message);
    if (this.#failures === settings.failuresBeforeProbing) {
      const reason = recognizerText.failsOften(failure.message, this.#failures);
      this.results.push({ kind: 'state', state: as, reason });
    }
    const retry = setTimeout(() => this.#open(), retryWaitMs(this.#failures, settings, Math.random));
    this.#enter({ name: 'waiting', retry });
  }

  #refused(failure: RecognizerError): void {
    const [startMs, endMs] = [this.#merge.reachedMs, this.#writtenMs];
    if (endMs > startMs) this.results.push({ kind: 'unheard', startMs, endMs, cause: 'refused' });
    this.#end({ error: failure }, this.#ring);
  }

  #say(state: RecognizerState['state'], reason: string): void {
    if (this.#said === state) return;
    this.#said = state;
    this.results.push({ kind: 'state', state, reason });
  }

  #watchForPause(): void {
    this.#isPaused = false;
    this.#stoppedMs = undefined;
    this.#pause?.refresh();
    this.#pause ??= setTimeout(() => this.#paused(), this.#options.settings.pauseMs);
  }

  /** The first time the words so far are asked for; as long again later the speaker has paused. */
  #paused(): void {
    if (this.#flushedTo < this.#ring.end) {
      this.#ask();
      this.#stoppedMs = this.#writtenMs;
      this.#pause?.refresh();
      return;
    }
    this.#isPaused = true;
    if (this.#state.name === 'up') this.#tellWithheld(this.#state);
    else this.#endUtterances();
  }

  #endUtterances(): void {
    for (const end of this.#merge.pause(this.#writtenMs - heldBackMs)) this.results.push(end);
  }

  /** `left`: the ring, if somebody may still ask for what is in it. */
  #end(outcome: { error?: unknown }, left?: AudioRing): void {
    if (this.#state.name === 'ended') return;
    this.#enter({ name: 'ended', left });
    clearTimeout(this.#pause);
    this.#backpressure.end();
    this.results.end(outcome);
    if (!left) void this.#ring.close();
  }

  #enter(next: State): void {
    const before = this.#state;
    this.#state = next;
    if (before.name === 'opening') before.abort.abort();
    if (before.name === 'waiting') clearTimeout(before.retry);
    if (before.name !== 'up') return;
    before.feed.end();
    before.watch.end();
    before.stream.abort();
  }
}

/** What is no RecognizerError says nothing about coming back, so it is tried. */
const failureOf = (error: unknown): RecognizerError =>
  isNamed('RecognizerError', error)
    ? error
    : new RecognizerError(recognizerText.failed, { retryable: true, cause: error });
