/** One sender's conversation: audio in, acknowledgements and its own words out. */
import {
  type CloseWord,
  decodeIngestUpstream,
  type Handshake,
  type IngestUpstream,
  type Source,
} from '@meetcast/protocol';
import type { Admission } from './admission.ts';
import { AudioIntake } from './audio-intake.ts';
import type { Connection } from './connection.ts';
import { RecognizerError, reasonOf } from './errors.ts';
import { claimSource, coverageOf, openRun, type Run, type RunContext, type Sender } from './ingest-run.ts';
import { type MeetingRef, meetingKey, stamp } from './meeting.ts';
import type { Message } from './message.ts';
import type { IngestStep, Observe } from './observer.ts';
import type { SlidingWindow } from './rate.ts';
import type { Claim } from './registry/registry.ts';

export interface IngestContext extends RunContext {
  readonly connects: SlidingWindow;
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
  | { readonly name: 'claiming'; readonly abort: AbortController; readonly early: Early }
  | {
      readonly name: 'opening';
      readonly claim: Claim;
      readonly abort: AbortController;
      readonly early: Early;
    }
  | {
      readonly name: 'streaming';
      readonly run: Run;
      readonly acks: NodeJS.Timeout;
      readonly intake: AudioIntake;
    }
  | { readonly name: 'finishing'; readonly run: Run; readonly ending: Ending; readonly watch: NodeJS.Timeout }
  | { readonly name: 'closed' };

type Ping = Extract<IngestUpstream, { type: 'ping' }>;

/** What a sender may say after its handshake, beside audio. */
type Control = Exclude<IngestUpstream, { type: 'handshake' | 'auth' | 'ping' }>;

/** What was already read when the sender was asked to wait. */
type Early = (Uint8Array | Control)[];

/** Why there is no more audio: the sender said so, is gone, or has to go elsewhere. */
type Ending = 'finalized' | 'vanished' | 'restart';

const ackEveryMs = 1_000;
const goingAway = 'this node is going away; connect again';

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

  get meeting(): MeetingRef {
    return this.#context.log.meeting;
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
    if (message.type === 'ping') return this.#pong(message);
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
    const refusal = state.name === 'streaming' && state.intake.take(audio);
    if (refusal) this.#connection.close(...refusal);
  }

  /** The node is going away: no more audio; what was heard is stored, and the sender is asked to come back. */
  end(): void {
    const state = this.#state;
    if (state.name === 'streaming') return this.#finish(state.run, 'restart');
    this.#connection.close('restart', goingAway);
  }

  /** Shows an accepted sender what the meeting's viewers are shown. */
  show(message: Message): void {
    const { name } = this.#state;
    if (name === 'streaming' || name === 'finishing') this.#connection.write(message.frame);
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
    const sender = { sessionId: handshake.session_id ?? crypto.randomUUID(), source, handshake };
    this.#accept(sender).catch((error: unknown) => this.#fail(error));
  }

  async #accept(sender: Sender): Promise<void> {
    // The sender may already stream; until its audio has a place to go, it waits in the network.
    this.#connection.pause();
    const abort = new AbortController();
    const early: Early = [];
    const claiming: State = { name: 'claiming', abort, early };
    this.#enter(claiming);
    const claim = await claimSource(this.#context, sender, abort.signal);
    if (!this.#isIn(claiming)) return void (await claim?.release());
    if (!claim)
      return this.#refuse('ingest_exists', `somebody else is sending "${sender.source}" of this meeting`);
    const opening: State = { name: 'opening', claim, abort, early };
    this.#enter(opening);
    this.#report('handshake_complete', sender.source);
    const show = ({ frame }: { frame: Buffer }) => this.#connection.write(frame);
    const run = await openRun(this.#context, sender, claim, abort.signal, show);
    if (!this.#isIn(opening)) return run.stream.abort();
    this.#stream(run, early);
  }

  #stream(run: Run, early: Early): void {
    const acks = setInterval(() => this.#ack(run), ackEveryMs);
    const intake = new AudioIntake(run, this.#connection, this.#context.limits);
    const state: State = { name: 'streaming', run, acks, intake };
    run.account.begin(run.from.ms);
    this.#enter(state);
    this.#report('pcm_streaming', run.source);
    if (run.claim.lost.aborted) return this.#superseded(run);
    run.claim.lost.addEventListener('abort', () => this.#superseded(run), { once: true });
    this.#connection.send({
      type: 'handshake_ack',
      status: 'success',
      message: 'ready for audio',
      session_id: run.sessionId,
      resume_from_ms: run.from.ms,
      epoch: run.from.epoch,
      max_frame_bytes: this.#context.limits.ingestFrameBytes,
    });
    this.#sayStarted(run);
    this.#transcribe(run).catch((error: unknown) => this.#fail(error));
    for (const item of early) {
      if (item instanceof Uint8Array) this.receiveBinary(item);
      else this.#control(item);
    }
    intake.read();
  }

  /** A sender that asks and never reads must not fill the memory. */
  #pong(ping: Ping): void {
    if (this.#connection.unsentBytes > this.#context.limits.hardUnsentBytes) {
      return this.#connection.close('slow_consumer', 'this socket is not read; connect again and resume');
    }
    this.#connection.send({ ...ping, type: 'pong' });
  }

  #control(message: Control): void {
    const state = this.#state;
    if (message.type === 'close') return this.#connection.close('done');
    if (state.name === 'claiming' || state.name === 'opening') state.early.push(message);
    if (state.name !== 'streaming') return;
    if (message.type === 'finalize') return this.#finish(state.run, 'finalized');
    if (message.type === 'off_record' && !state.intake.offRecord(message.on)) return;
    state.run.stream.flush();
    if (message.type === 'off_record') this.#sayOffRecord(state.run, message.on);
  }

  /** It stands before the first words in the log, for those who write it wait their turn. */
  #sayStarted({ source, isResumed, title }: Run): void {
    const [status, message] = isResumed ? ['recovered', 'audio goes on'] : ['live', 'audio has begun'];
    const details = { source, ...(title === undefined ? {} : { title }) };
    this.#say(status, message, details).catch((error: unknown) => this.#fail(error));
  }

  #sayOffRecord({ source }: Run, on: boolean): void {
    const [status, message] = on ? ['off_record', 'off the record'] : ['on_record', 'on the record again'];
    this.#say(status, message, { source }).catch((error: unknown) => this.#fail(error));
  }

  /** Runs until the last word is stored, whatever became of the socket. */
  async #transcribe(run: Run): Promise<void> {
    await run.transcription.run();
    const state = this.#state;
    if (state.name === 'finishing') await this.#conclude(run, state.ending);
    else if (state.name !== 'closed')
      throw new RecognizerError('the recognizer ended in mid-meeting', { retryable: true });
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
    if (ending !== 'finalized') run.transcription.cutOff();
    run.stream.finish();
  }

  async #conclude(run: Run, ending: Ending): Promise<void> {
    this.#ack(run);
    const { seq } = await this.#context.log.settledHead();
    const details = {
      source: run.source,
      last_seq: seq,
      coverage: coverageOf(this.#context.ledger, this.#context.log),
    };
    const remaining = await run.claim.release();
    if (ending === 'finalized') await this.#sayEnded(details, remaining);
    else if (remaining === 0) await this.#say('idle', 'nobody is sending audio', { source: run.source });
    if (ending === 'restart') this.#connection.close('restart', goingAway);
    else this.#connection.close('done');
    this.#enter({ name: 'closed' });
  }

  /** The meeting ends with its last source; until then only this sender is told. */
  async #sayEnded(
    details: { source: Source; last_seq: number; coverage: unknown },
    remaining: number,
  ): Promise<void> {
    if (remaining === 0) return this.#say('ended', 'every word is stored', details);
    const message = 'every word of this source is stored; the meeting goes on';
    const { meeting } = this.#context.log;
    this.#connection.send({ type: 'status', ...stamp(meeting), status: 'ended', message, details });
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
    const { frame } = await log.append({ type: 'status', ...stamp(log.meeting), status, message, details });
    this.#connection.write(frame);
  }

  #refuse(word: CloseWord, message: string): void {
    this.#connection.send({ type: 'handshake_ack', status: 'error', message });
    this.#connection.close(word, message);
  }

  /** The words stopped before the audio did: what is not durable is still the sender's to send again. */
  #fail(error: unknown): void {
    const state = this.#state;
    if (state.name === 'closed') return;
    this.#observeError(error);
    const isAccepted = state.name === 'streaming' || state.name === 'finishing';
    if (isLeaving(state)) this.#connection.close('restart', goingAway);
    else if (isAccepted) this.#connection.close(...reasonOf(error));
    else this.#refuse(...reasonOf(error));
    this.#enter({ name: 'closed' });
    if (isAccepted) state.run.transcription.abort();
  }

  #isIn(state: State): boolean {
    return this.#state === state;
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
      before.intake.end();
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

/** Its last words were on their way when the node had to go. */
const isLeaving = (state: State): boolean => state.name === 'finishing' && state.ending === 'restart';
