/** One sender's conversation: audio in, acknowledgements and its own words out. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CloseWord,
  decodeIngestUpstream,
  type Handshake,
  type IngestUpstream,
  type Source,
} from '@meetcast/protocol';
import type { Admission } from './admission.ts';
import type { AudioAccount, AudioLedger } from './audio-ledger.ts';
import type { Connection } from './connection.ts';
import { RecognizerError, StaleFenceError } from './errors.ts';
import type { Limits } from './limits.ts';
import { meetingKey } from './meeting.ts';
import type { IngestStep, Observe } from './observer.ts';
import { type SlidingWindow, TokenBucket } from './rate.ts';
import type { AudioFormat, Recognizer, RecognizerStream } from './recognizer/recognizer.ts';
import type { Claim, Registry } from './registry/registry.ts';
import { isWhole, StreamClock } from './stream-clock.ts';
import type { TranscriptLog } from './transcript-log.ts';
import { Transcription } from './transcription.ts';

export interface IngestContext {
  readonly log: TranscriptLog;
  readonly registry: Registry;
  readonly recognizer: Recognizer;
  readonly ledger: AudioLedger;
  readonly connects: SlidingWindow;
  readonly limits: Limits;
  readonly observe: Observe;
}

/*
 *   awaiting-handshake ─▶ claiming ─▶ opening ─▶ streaming ─▶ finishing
 *          └─────────────────┴───────────┴──────────┴────────────┴──▶ closed
 *
 * A sender that vanishes goes to `finishing` too: what it sent is still heard out and stored.
 */
type State =
  | { readonly name: 'awaiting-handshake'; readonly deadline: NodeJS.Timeout | undefined }
  | { readonly name: 'claiming'; readonly abort: AbortController; readonly early: Uint8Array[] }
  | {
      readonly name: 'opening';
      readonly claim: Claim;
      readonly abort: AbortController;
      readonly early: Uint8Array[];
    }
  | {
      readonly name: 'streaming';
      readonly run: Run;
      readonly acks: NodeJS.Timeout;
      readonly abort: AbortController;
      holds: number;
      isOffRecord: boolean;
    }
  | { readonly name: 'finishing'; readonly run: Run; readonly ending: Ending; readonly watch: NodeJS.Timeout }
  | { readonly name: 'closed' };

/** An accepted sender: its claim, and its audio's way into the log. */
interface Run {
  readonly sessionId: string;
  readonly source: Source;
  readonly format: AudioFormat;
  readonly claim: Claim;
  readonly stream: RecognizerStream;
  readonly clock: StreamClock;
  readonly account: AudioAccount;
  readonly transcription: Transcription;
  readonly frames: TokenBucket;
}

/** Why there is no more audio: the sender said so, is gone, or has to go elsewhere. */
type Ending = 'finalized' | 'vanished' | 'restart';

const ackEveryMs = 1_000;
/** Between two tries to claim a source whose last holder only drains. */
const claimRetryMs = 100;

export class IngestSession {
  readonly #connection: Connection;
  readonly #admission: Admission;
  readonly #context: IngestContext;
  readonly #querySource: Source | undefined;
  #state: State = { name: 'awaiting-handshake', deadline: undefined };
  #ended: () => void = () => {};
  /** Resolves when nothing of this session is left. */
  readonly ended = new Promise<void>((resolve) => {
    this.#ended = resolve;
  });

  constructor(
    connection: Connection,
    admission: Admission,
    context: IngestContext,
    querySource: Source | undefined,
  ) {
    this.#connection = connection;
    this.#admission = admission;
    this.#context = context;
    this.#querySource = querySource;
  }

  start(): void {
    const { handshakeTimeoutMs } = this.#context.limits;
    const deadline = setTimeout(() => {
      this.#connection.close('bad_handshake', `no handshake came within ${handshakeTimeoutMs / 1000} s`);
    }, handshakeTimeoutMs);
    this.#state = { name: 'awaiting-handshake', deadline };
    this.#report('connected');
    this.#admission.begin(this.#connection);
  }

  receive(text: string): void {
    const decoded = decodeIngestUpstream(text);
    const isEarly = this.#state.name === 'awaiting-handshake';
    if (!decoded.ok) {
      if (isEarly) return this.#refuse('bad_handshake', decoded.problem);
      return this.#connection.close('bad_message', decoded.problem);
    }
    const { message } = decoded;
    if (message.type === 'ping') return this.#connection.send({ ...message, type: 'pong' });
    if (message.type === 'auth') return void this.#admission.renew(message.token);
    if (message.type === 'handshake') return this.#handshake(message);
    if (isEarly) return this.#refuse('bad_handshake', `"${message.type}" came before the handshake`);
    this.#control(message);
  }

  receiveBinary(audio: Uint8Array): void {
    const state = this.#state;
    if (state.name === 'awaiting-handshake')
      return this.#refuse('bad_handshake', 'audio came before the handshake');
    if (state.name === 'claiming' || state.name === 'opening') state.early.push(audio);
    if (state.name === 'streaming') this.#audio(state, audio);
  }

  /** The node is going away: no more audio; what was heard is stored, and the sender is asked to come back. */
  end(): void {
    const state = this.#state;
    if (state.name === 'streaming') return this.#finish(state.run, 'restart');
    this.#connection.close('restart', 'this node is going away; connect again');
  }

  /** The socket is gone. */
  closed(): void {
    const state = this.#state;
    if (state.name === 'streaming') return this.#finish(state.run, 'vanished');
    if (state.name === 'finishing') return;
    this.#enter({ name: 'closed' });
  }

  #handshake(handshake: Handshake): void {
    if (this.#state.name !== 'awaiting-handshake') {
      return this.#connection.close('bad_message', 'a second handshake came; one socket carries one session');
    }
    const source = handshake.source ?? this.#querySource;
    if (!source) return this.#refuse('bad_handshake', '"source": expected "mic" or "system"');
    if (this.#querySource && source !== this.#querySource) {
      return this.#refuse(
        'bad_handshake',
        `"source": the address says "${this.#querySource}", the handshake "${source}"`,
      );
    }
    if (!this.#context.connects.allow(`${meetingKey(this.#context.log.meeting)}/${source}`, Date.now())) {
      return this.#refuse('try_again_later', 'this source connects too often; wait some seconds');
    }
    this.#accept(handshake, source).catch((error: unknown) => this.#fail(error));
  }

  async #accept(handshake: Handshake, source: Source): Promise<void> {
    // The sender may already stream; until its audio has a place to go, it waits in the network.
    this.#connection.pause();
    const abort = new AbortController();
    const early: Uint8Array[] = [];
    const sessionId = handshake.session_id ?? crypto.randomUUID();
    const claim = await this.#claim({ name: 'claiming', abort, early }, source, sessionId);
    if (!claim) return;
    const state: State = { name: 'opening', claim, abort, early };
    this.#enter(state);
    this.#report('handshake_complete', source);
    const format = { sampleRate: handshake.sample_rate, channels: handshake.channels };
    const fromMs = await this.#place(claim, source, handshake.resume === true);
    const { epoch } = await this.#context.log.head();
    const { language } = handshake;
    const request = { ...format, source, ...(language === undefined ? {} : { language }) };
    const stream = await this.#context.recognizer.open(request, abort.signal);
    if (this.#state !== state) return stream.abort();
    const run = this.#run({ sessionId, source, format, claim, stream }, fromMs);
    await this.#stream(state, run, { resume_from_ms: fromMs, epoch, isResumed: handshake.resume === true });
  }

  /** The claim, or nothing if somebody else has it or the sender left meanwhile. */
  async #claim(
    state: State & { name: 'claiming' },
    source: Source,
    sessionId: string,
  ): Promise<Claim | undefined> {
    this.#enter(state);
    for (;;) {
      const claim = await this.#context.registry.claim(this.#context.log.meeting, source, sessionId);
      if (claim.kind === 'claim') {
        if (this.#state === state) return claim;
        await claim.release();
        return undefined;
      }
      if (this.#state !== state) return undefined;
      if (!claim.draining) {
        this.#refuse('ingest_exists', `somebody else is sending "${source}" of this meeting`);
        return undefined;
      }
      await delay(claimRetryMs, undefined, { signal: state.abort.signal });
    }
  }

  /**
   * Where on the meeting's clock the audio that follows begins. Moving the store's fence first means that from here on
   * nobody else's words of this source can be added.
   */
  async #place(claim: Claim, source: Source, isResumed: boolean): Promise<number> {
    const { log, ledger } = this.#context;
    const { fence } = claim;
    if (isResumed) return log.cover({ source, fence, coveredMs: 0 });
    const covered = await Promise.all([log.covered('mic'), log.covered('system')]);
    return log.cover({
      source,
      fence,
      coveredMs: Math.floor(Math.max(...covered, ledger.positionMs(log.meeting))),
    });
  }

  #run(parts: Pick<Run, 'sessionId' | 'source' | 'format' | 'claim' | 'stream'>, fromMs: number): Run {
    const { log, registry, ledger, limits } = this.#context;
    const { source, claim, stream, format } = parts;
    const clock = new StreamClock(format, fromMs);
    const account = ledger.account(log.meeting, source);
    account.begin(fromMs);
    const transcription = new Transcription({
      log,
      registry,
      source,
      fence: claim.fence,
      stream,
      clock,
      account,
      onMessage: ({ frame }) => this.#connection.write(frame),
    });
    const perSecond = limits.ingestFramesPerSecond;
    return {
      ...parts,
      clock,
      account,
      transcription,
      frames: new TokenBucket(perSecond, perSecond, Date.now()),
    };
  }

  async #stream(
    { early }: { early: readonly Uint8Array[] },
    run: Run,
    place: { resume_from_ms: number; epoch: string; isResumed: boolean },
  ): Promise<void> {
    const acks = setInterval(() => this.#ack(run), ackEveryMs);
    const state: State = {
      name: 'streaming',
      run,
      acks,
      abort: new AbortController(),
      holds: 0,
      isOffRecord: false,
    };
    this.#enter(state);
    this.#report('pcm_streaming', run.source);
    run.claim.lost.addEventListener('abort', () => this.#superseded(run), { once: true });
    if (run.claim.lost.aborted) return this.#superseded(run);
    const { isResumed, ...from } = place;
    this.#connection.send({
      type: 'handshake_ack',
      status: 'success',
      message: 'ready for audio',
      session_id: run.sessionId,
      ...from,
    });
    this.#transcribe(run).catch((error: unknown) => this.#fail(error));
    await this.#say(isResumed ? 'recovered' : 'live', isResumed ? 'audio goes on' : 'audio has begun', {
      source: run.source,
    });
    if (this.#state !== state) return;
    for (const audio of early) this.#audio(state, audio);
    if (state.holds === 0) this.#connection.resume();
  }

  #audio(state: State & { name: 'streaming' }, audio: Uint8Array): void {
    const { run } = state;
    const { ingestFrameBytes } = this.#context.limits;
    if (audio.length > ingestFrameBytes) {
      return this.#connection.close(
        'too_large',
        `a frame has ${audio.length} bytes; at most ${ingestFrameBytes} are allowed`,
      );
    }
    if (!isWhole(audio.length, run.format)) {
      return this.#connection.close(
        'bad_message',
        `a frame has ${audio.length} bytes, which are no whole samples`,
      );
    }
    if (audio.length === 0) return;
    const written = this.#forward(state, audio);
    run.account.received.to(run.clock.receivedMs);
    const waitMs = run.frames.take(Date.now());
    if (written || waitMs > 0)
      this.#hold(state, written, waitMs).catch((error: unknown) => this.#fail(error));
  }

  #forward(
    { run, isOffRecord }: State & { name: 'streaming' },
    audio: Uint8Array,
  ): Promise<void> | undefined {
    if (isOffRecord) {
      run.clock.skip(audio.length);
      return undefined;
    }
    run.clock.forward(audio.length);
    run.account.forwarded.to(run.clock.receivedMs);
    return run.stream.write(audio);
  }

  /** Too much, too fast is not dropped: the socket waits unread. */
  async #hold(
    state: State & { name: 'streaming' },
    written: Promise<void> | undefined,
    waitMs: number,
  ): Promise<void> {
    state.holds += 1;
    this.#connection.pause();
    const { signal } = state.abort;
    await Promise.all([
      written,
      waitMs > 0 ? delay(waitMs, undefined, { signal }).catch(() => {}) : undefined,
    ]);
    state.holds -= 1;
    if (this.#state === state && state.holds === 0) this.#connection.resume();
  }

  #control(message: Exclude<IngestUpstream, { type: 'handshake' | 'auth' | 'ping' }>): void {
    const state = this.#state;
    if (message.type === 'close') return this.#connection.close('done');
    if (state.name !== 'streaming') return;
    if (message.type === 'finalize') return this.#finish(state.run, 'finalized');
    state.run.stream.flush();
    if (message.type === 'off_record') this.#offRecord(state, message.on);
  }

  #offRecord(state: State & { name: 'streaming' }, on: boolean): void {
    if (state.isOffRecord === on) return;
    state.isOffRecord = on;
    const { source } = state.run;
    const [status, message] = on ? ['off_record', 'off the record'] : ['on_record', 'on the record again'];
    this.#say(status, message, { source }).catch((error: unknown) => this.#fail(error));
  }

  /** Runs until the last word is stored, whatever became of the socket. */
  async #transcribe(run: Run): Promise<void> {
    try {
      await run.transcription.run();
    } catch (error) {
      return this.#interrupted(run, error);
    }
    const state = this.#state;
    if (state.name !== 'finishing')
      return this.#interrupted(run, new Error('the recognizer ended in mid-meeting'));
    await this.#conclude(run, state.ending);
  }

  #finish(run: Run, ending: Ending): void {
    const { drainSilenceMs } = this.#context.limits;
    const from = Date.now();
    const watch = setInterval(() => {
      if (Date.now() - Math.max(from, run.transcription.heardAt) > drainSilenceMs) run.transcription.abort();
    }, drainSilenceMs / 10);
    this.#enter({ name: 'finishing', run, ending, watch });
    this.#report('draining', run.source);
    if (ending === 'vanished') run.claim.drain().catch((error: unknown) => this.#observeError(error));
    run.stream.finish();
  }

  async #conclude(run: Run, ending: Ending): Promise<void> {
    this.#ack(run);
    const { seq } = await this.#context.log.head();
    const details = { source: run.source, last_seq: seq, coverage: this.#coverage() };
    const remaining = await run.claim.release();
    if (ending === 'finalized') await this.#sayEnded(details, remaining);
    else if (remaining === 0) await this.#say('idle', 'nobody is sending audio', { source: run.source });
    if (ending === 'restart') this.#connection.close('restart', 'this node is going away; connect again');
    else this.#connection.close('done');
    this.#enter({ name: 'closed' });
  }

  /** The meeting ends with its last source; until then only this sender is told. */
  async #sayEnded(
    details: { source: Source; last_seq: number; coverage: unknown },
    remaining: number,
  ): Promise<void> {
    if (remaining === 0) return this.#say('ended', 'every word is stored', details);
    this.#connection.send({
      type: 'status',
      meeting_id: this.#context.log.meeting.id,
      ts: new Date().toISOString(),
      status: 'ended',
      message: 'every word of this source is stored; the meeting goes on',
      details,
    });
  }

  #coverage() {
    const accounts = [...this.#context.ledger.of(this.#context.log.meeting)];
    return Object.fromEntries(
      accounts.map(([source, { received, covered }]) => [
        source,
        { received_ms: Math.floor(received.totalMs), covered_ms: Math.floor(covered.totalMs) },
      ]),
    );
  }

  /** The words stopped before the audio did: what is not durable is still the sender's to send again. */
  async #interrupted(run: Run, error: unknown): Promise<void> {
    if (this.#state.name === 'closed') return;
    const { log, observe } = this.#context;
    observe({ type: 'recognizer-failed', meeting: log.meeting, source: run.source, error });
    if (error instanceof StaleFenceError)
      this.#connection.close('superseded', 'this session goes on elsewhere');
    else if (error instanceof RecognizerError)
      this.#connection.close('recognizer_unavailable', error.message);
    else this.#connection.close('internal_error', 'the words could not be stored; connect again and resume');
    this.#enter({ name: 'closed' });
    await run.claim.release();
  }

  #superseded(run: Run): void {
    if (this.#state.name === 'closed') return;
    this.#connection.close('superseded', 'the same session has connected again');
    this.#enter({ name: 'closed' });
    run.transcription.abort();
  }

  #ack(run: Run): void {
    this.#connection.send({
      type: 'ack',
      received_ms: Math.floor(run.clock.receivedMs),
      durable_ms: run.transcription.durableMs,
    });
  }

  /** A status for everyone, and on this socket. */
  async #say(status: string, message: string, details: Record<string, unknown>): Promise<void> {
    const { log } = this.#context;
    const entry = {
      type: 'status' as const,
      meeting_id: log.meeting.id,
      ts: new Date().toISOString(),
      status,
      message,
      details,
    };
    const { frame } = await log.append(entry);
    this.#connection.write(frame);
  }

  #refuse(word: CloseWord, message: string): void {
    this.#connection.send({ type: 'handshake_ack', status: 'error', message });
    this.#connection.close(word, message);
  }

  #fail(error: unknown): void {
    const state = this.#state;
    if (state.name === 'closed') return;
    this.#observeError(error);
    if (error instanceof RecognizerError) this.#refuse('recognizer_unavailable', error.message);
    else this.#connection.close('internal_error', 'the hub failed; connect again and resume');
    this.#enter({ name: 'closed' });
    if (state.name === 'streaming' || state.name === 'finishing') state.run.transcription.abort();
  }

  #observeError(error: unknown): void {
    this.#context.observe({ type: 'error', stage: 'ingest', meeting: this.#context.log.meeting, error });
  }

  #enter(next: State): void {
    const before = this.#state;
    this.#state = next;
    if (before.name === 'awaiting-handshake') clearTimeout(before.deadline);
    if (before.name === 'streaming') {
      clearInterval(before.acks);
      before.abort.abort();
    }
    if (before.name === 'finishing') clearInterval(before.watch);
    if (next.name === 'closed') this.#giveBack(before);
  }

  #giveBack(before: State): void {
    if (before.name === 'closed') return;
    this.#admission.end();
    if (before.name === 'claiming' || before.name === 'opening') before.abort.abort();
    if (before.name === 'opening')
      before.claim.release().catch((error: unknown) => this.#observeError(error));
    if (before.name === 'streaming' || before.name === 'finishing') {
      before.run.account.end();
      before.run.claim.release().catch((error: unknown) => this.#observeError(error));
    }
    this.#report('cleanup_complete');
    this.#ended();
  }

  #report(step: IngestStep, source?: Source): void {
    this.#context.observe({
      type: 'ingest',
      step,
      connection: this.#connection.id,
      meeting: this.#context.log.meeting,
      ...(source === undefined ? {} : { source }),
    });
  }
}
