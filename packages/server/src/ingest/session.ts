/** One sender's conversation: audio in, acknowledgements and its own words out. */
import {
  type CloseWord,
  decodeIngestUpstream,
  type Handshake,
  type IngestUpstream,
  type Source,
} from '@meetcast/protocol';
import type { Message } from '../bus/message.ts';
import { isNamed, RecognizerError, reasonOf } from '../lib/errors.ts';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import { present } from '../lib/present.ts';
import type { SlidingWindow } from '../lib/rate-limit.ts';
import { closeText, expectedText, recognizerText } from '../lib/sentences.ts';
import type { Admission } from '../socket/admission.ts';
import type { Connection } from '../socket/connection.ts';
import type { SenderEcho } from '../viewers/sender-echo.ts';
import type { IngestStep } from '../watch/observer.ts';
import { AudioIntake } from './audio-intake.ts';
import { noteOf } from './audio-notes.ts';
import { abandonRun, awaitReturn, type Ending, endRun, giveBack, watchDrain } from './ending.ts';
import {
  acceptanceOf,
  claimSource,
  type Holding,
  openRun,
  type Run,
  type RunContext,
  type Sender,
} from './run.ts';
import { type Control, type Early, isLeaving, type State } from './state.ts';
import { logOffRecord, logStarted, showEnding } from './statuses.ts';

type Ping = Extract<IngestUpstream, { type: 'ping' }>;

export interface SenderContext extends RunContext {
  readonly connects: SlidingWindow;
  readonly senders: SenderEcho;
  /** What a newcomer has to know of this node at the moment. */
  outageMessage(meeting: MeetingRef): Message | undefined;
}

/** More than what comes while a sender is asked whether it is still there. */
const mostEarly = 1_000;

const ackEveryMs = 1_000;

export class SenderSession {
  readonly #connection: Connection;
  readonly #admission: Admission;
  readonly #context: SenderContext;
  readonly #querySource: Source | undefined;
  #state: State = { name: 'awaiting-handshake', deadline: undefined };
  #ended: () => void = () => {};
  #source: Source | undefined;
  /** What is told before the claim is free. */
  #told: Promise<void> = Promise.resolve();
  /** Resolves when nothing of this session is left, and its claim is free or vacant. */
  readonly ended = new Promise<void>((resolve) => {
    this.#ended = resolve;
  });

  constructor(
    connection: Connection,
    admission: Admission,
    context: SenderContext,
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

  /** What it sends, once it has said so. */
  get source(): Source | undefined {
    return this.#source;
  }

  start(): void {
    const { handshakeTimeoutMs } = this.#context.limits;
    const deadline = setTimeout(() => {
      this.#connection.close('bad_handshake', closeText.handshakeTimedOut(handshakeTimeoutMs / 1000));
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
    if (isEarly) return this.#refuse('bad_handshake', closeText.beforeHandshake(message.type));
    this.#control(message);
  }

  receiveBinary(audio: Uint8Array): void {
    const state = this.#state;
    if (state.name === 'awaiting-handshake')
      return this.#refuse('bad_handshake', closeText.audioBeforeHandshake);
    if (state.name === 'claiming' || state.name === 'opening') return this.#keep(state.early, audio);
    const refusal = state.name === 'streaming' && state.intake.take(audio);
    if (refusal) this.#connection.close(...refusal);
  }

  #keep(early: Early, item: Early[number]): void {
    if (early.length < mostEarly) early.push(item);
    else this.#connection.close('try_again_later', closeText.tooMuchBeforeAnswer);
  }

  /** The node is going away: no more audio; what was heard is stored, and the sender is asked to come back. */
  end(): void {
    const state = this.#state;
    if (state.name === 'streaming') this.#finish(state.run, 'restart');
    else if (state.name !== 'finishing') this.abandon();
  }

  /** The node waits no longer. The claim is free before the sender is told, so that it is accepted elsewhere at once. */
  abandon(): void {
    const state = this.#state;
    if (state.name === 'closed') return;
    if ('run' in state) this.#told = abandonRun(this.#context, state.run);
    this.#enter({ name: 'closed', claim: 'released' });
    void this.ended.then(() => this.#connection.close('restart', closeText.shuttingDown));
  }

  /** The socket is gone. */
  closed(): void {
    const state = this.#state;
    if (state.name === 'streaming') return this.#finish(state.run, 'vanished');
    if (state.name === 'finishing') return;
    this.#enter({ name: 'closed', claim: 'released' });
  }

  #handshake(handshake: Handshake): void {
    if (this.#state.name !== 'awaiting-handshake') {
      return this.#connection.close('bad_message', closeText.secondHandshake);
    }
    const source = handshake.source ?? this.#querySource;
    if (!source) return this.#refuse('bad_handshake', expectedText.source);
    if (this.#querySource && source !== this.#querySource) {
      return this.#refuse('bad_handshake', expectedText.sameSource(this.#querySource, source));
    }
    if (!this.#context.connects.allow(`${meetingKey(this.#context.log.meeting)}/${source}`, Date.now())) {
      return this.#refuse('try_again_later', closeText.tooManyHandshakes);
    }
    this.#source = source;
    const connection = this.#connection;
    const sender = { connection, sessionId: handshake.session_id ?? crypto.randomUUID(), source, handshake };
    void this.ended.then(this.#context.grace.hold(this.meeting, source));
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
    if (!this.#isIn(claiming)) return claim && (await giveBack(this.#context, sender.source, claim));
    if (!claim) return this.#refuse('ingest_exists', closeText.sourceTaken(sender.source));
    const holding: Holding = { claim, signal: abort.signal };
    const opening: State = { name: 'opening', source: sender.source, holding, abort, early };
    this.#enter(opening);
    this.#report('handshake_complete', sender.source);
    const run = await openRun(this.#context, sender, holding);
    if (!this.#isIn(opening)) return run.stream.abort();
    this.#stream(run, early);
  }

  #stream(run: Run, early: Early): void {
    const acks = setInterval(() => this.#ack(run), ackEveryMs);
    const intake = new AudioIntake(run, this.#connection, this.#context);
    const state: State = { name: 'streaming', run, acks, intake };
    run.account.begin(run.from);
    this.#context.grace.end(this.meeting, run.source);
    this.#enter(state);
    this.#report('pcm_streaming', run.source);
    if (run.claim.lost.aborted) return this.#superseded(run);
    run.claim.lost.addEventListener('abort', () => this.#superseded(run), { once: true });
    this.#welcome(run);
    const { source, claim } = run;
    const { log } = this.#context;
    logStarted(log, { source, fence: claim.fence }, run).catch((error: unknown) => this.#fail(error));
    this.#transcribe(run).catch((error: unknown) => this.#fail(error));
    for (const item of early) {
      if (item instanceof Uint8Array) this.receiveBinary(item);
      else this.#control(item);
    }
    intake.read();
  }

  /** From here on it hears itself. */
  #welcome(run: Run): void {
    const { log, senders, limits, outageMessage } = this.#context;
    this.#connection.send(acceptanceOf(run, limits));
    const leave = senders.enter(log, ({ frame }) => this.#connection.write(frame));
    void this.#connection.closed.then(leave);
    const outage = outageMessage(log.meeting);
    if (outage) this.#connection.write(outage.frame);
  }

  /** A sender that asks and never reads must not fill the memory. */
  #pong(ping: Ping): void {
    if (this.#connection.unsentBytes > this.#context.limits.hardUnsentBytes) {
      return this.#connection.close('slow_consumer', closeText.notRead);
    }
    this.#connection.send({ ...ping, type: 'pong' });
  }

  #control(message: Control): void {
    const state = this.#state;
    if (message.type === 'close') return this.#stop();
    if (state.name === 'claiming' || state.name === 'opening') return this.#keep(state.early, message);
    if (state.name !== 'streaming') return;
    if (message.type === 'finalize') return this.#finish(state.run, 'finalized');
    const change = message.type === 'off_record' && state.intake.offRecord(message.on);
    if (change === 'none') return;
    state.run.stream.flush();
    if (message.type !== 'off_record' || change === 'known') return;
    const { source, claim } = state.run;
    const { log } = this.#context;
    logOffRecord(log, { source, fence: claim.fence }, message.on).catch((error: unknown) =>
      this.#fail(error),
    );
  }

  #stop(): void {
    this.#connection.close('done');
    if (this.#state.name === 'streaming') this.#finish(this.#state.run, 'stopped');
  }

  /** Runs until the last word is stored, whatever became of the socket. */
  async #transcribe(run: Run): Promise<void> {
    await run.transcription.run();
    const state = this.#state;
    if (state.name === 'finishing') await this.#conclude(run, state.ending);
    else if (state.name !== 'closed')
      throw new RecognizerError(recognizerText.endedEarly, { retryable: true });
  }

  #finish(run: Run, ending: Ending): void {
    this.#enter({
      name: 'finishing',
      run,
      ending,
      watch: watchDrain(run.transcription, run.claim.wanted, this.#context.limits),
    });
    this.#report('draining', run.source);
    if (ending !== 'finalized') run.claim.markDraining().catch((error: unknown) => this.#observeError(error));
    if (ending !== 'finalized') run.transcription.breakOff();
    else showEnding(this.#context.log, run.source);
    run.stream.finish();
  }

  async #conclude(run: Run, ending: Ending): Promise<void> {
    this.#ack(run);
    const answer = await endRun(this.#context, run, ending);
    if (answer) this.#connection.send(answer);
    if (ending === 'restart') this.#connection.close('restart', closeText.shuttingDown);
    else this.#connection.close('done');
    this.#enter({ name: 'closed', claim: ending === 'vanished' ? 'vacant' : 'released' });
  }

  #superseded(run: Run): void {
    if (this.#state.name === 'closed') return;
    this.#connection.close('superseded', closeText.connectedAgain);
    this.#enter({ name: 'closed', claim: 'released' });
    run.transcription.abort();
  }

  #ack(run: Run): void {
    run.transcription.coverSettled();
    this.#connection.send({
      type: 'ack',
      received_ms: Math.floor(run.clock.receivedMs),
      durable_ms: run.transcription.durableMs,
    });
    run.claim.note(noteOf(run.account, run.from.epoch));
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
    if (isLeaving(state)) return this.abandon();
    const isAccepted = state.name === 'streaming' || state.name === 'finishing';
    if (isAccepted) this.#connection.close(...reasonOf(error));
    else this.#refuse(...reasonOf(error));
    const isReplaced = isNamed('StaleFenceError', error);
    this.#enter({ name: 'closed', claim: isAccepted && !isReplaced ? 'vacant' : 'released' });
    if (!isAccepted) return;
    state.run.transcription.abort();
    if (isReplaced) return;
    const loss = isNamed('RecognizerError', error) ? 'recognizer_unavailable' : 'hub_failed';
    awaitReturn(this.#context, state.run, loss).catch((failure: unknown) => this.#observeError(failure));
  }

  /** Whether its place is still looked for. A sender that was told to go may take its time to go. */
  #isIn(state: State): boolean {
    if (!this.#connection.isOpen) this.closed();
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
    if (next.name === 'closed') this.#giveBack(before, next.claim === 'released');
  }

  /** A claim that is vacant is given back by whoever waits for its sender. */
  #giveBack(before: State, isReleased: boolean): void {
    if (before.name === 'closed') return;
    this.#admission.end();
    if (before.name === 'claiming' || before.name === 'opening') before.abort.abort();
    const claim = 'run' in before && before.run.claim;
    if (before.name === 'opening') this.#told = giveBack(this.#context, before.source, before.holding.claim);
    if ('run' in before) {
      before.run.recognizerStatus.end();
      before.run.account.end();
      before.run.claim.note(noteOf(before.run.account, before.run.from.epoch));
    }
    this.#report('cleanup_complete');
    const released = this.#told.then(() => (claim && isReleased ? claim.release() : undefined));
    void released.catch((error: unknown) => this.#observeError(error)).then(this.#ended);
  }

  #report(step: IngestStep, source?: Source): void {
    this.#context.observe({
      type: 'ingest',
      step,
      connection: this.#connection.id,
      meeting: this.#context.log.meeting,
      ...present({ source }),
    });
  }
}
