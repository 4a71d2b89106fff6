/** One viewer's conversation. */
import { decodeSubscriberUpstream, encode, type Source } from '@meetcast/protocol';
import { type Message, textFrame } from '../bus/message.ts';
import type { Limits } from '../lib/limits.ts';
import type { MeetingRef } from '../lib/meeting.ts';
import { TokenBucket } from '../lib/rate-limit.ts';
import { closeText, welcomeText } from '../lib/sentences.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Registry, Seat } from '../registry/registry.ts';
import type { Admission } from '../socket/admission.ts';
import type { Connection } from '../socket/connection.ts';
import type { Observe } from '../watch/observer.ts';
import { LogReader, type Opening } from './log-reader.ts';
import type { ResumePoint } from './resume-point.ts';
import type { Batch, Member } from './room.ts';
import type { Rooms } from './rooms.ts';

export interface ViewerContext {
  readonly log: TranscriptLog;
  readonly rooms: Rooms;
  readonly registry: Registry;
  readonly limits: Limits;
  readonly observe: Observe;
  /** What a newcomer has to know of this node at the moment. */
  outageMessage(meeting: MeetingRef): Message | undefined;
}

/*
 *   joining ──▶ catching-up ⇄ live
 *      └────────────┴──────────┴──▶ closed
 *
 * First join, resume and gap repair are one routine, the reader's: read the log until it is level, then follow the room.
 * A store that is away is asked again for as long as the viewer stays.
 */
type State =
  | { readonly name: 'joining'; seat: Seat | undefined }
  | CatchingUp
  | { readonly name: 'live'; readonly seat: Seat; readonly held: Map<Source, Message> }
  | { readonly name: 'closed' };

interface CatchingUp {
  readonly name: 'catching-up';
  readonly seat: Seat;
  /** Whether words so far are shown meanwhile: to whom was live before, or has to wait for a store that is away. */
  showsPartials: boolean;
}

export class ViewerSession implements Member {
  readonly #connection: Connection;
  readonly #admission: Admission;
  readonly #context: ViewerContext;
  readonly #messages: TokenBucket;
  readonly #reader: LogReader;
  #state: State = { name: 'joining', seat: undefined };
  /** Resolves, once the session is closed, when nobody holds its seat any longer. */
  #givenBack: Promise<void> = Promise.resolve();

  constructor(connection: Connection, admission: Admission, context: ViewerContext) {
    this.#connection = connection;
    this.#admission = admission;
    this.#context = context;
    const { historyEntries, joinPatienceMs, subscriberMessagesPerSecond: perSecond } = context.limits;
    this.#reader = new LogReader({
      log: context.log,
      rooms: context.rooms,
      member: this,
      historyEntries,
      patience: { joinMs: joinPatienceMs, away: (error) => this.#showMeanwhile(error) },
    });
    this.#messages = new TokenBucket(perSecond, perSecond * 2, Date.now());
    connection.ondrain = () => this.#sendHeld();
  }

  /** Takes a seat, joins the room, says `connected`, and catches up. */
  async start(start: ResumePoint): Promise<void> {
    if (this.#state.name === 'closed') return;
    const { log, registry, limits } = this.#context;
    const state: State = { name: 'joining', seat: undefined };
    this.#enter(state);
    try {
      const seat = await registry.seat(log.meeting, this.#connection.id, limits.subscribersPerMeeting);
      if (seat.kind === 'full') return this.#refuse();
      if (this.#state !== state) return await seat.release();
      state.seat = seat;
      const opening = await this.#reader.open(start);
      if (!opening || this.#state !== state) return;
      this.#greet(opening);
      this.#admission.begin(this.#connection); // A warning must not come before `connected`.
      await this.#catchUp(seat, false);
    } catch (error) {
      this.#fail(error);
    }
  }

  receive(text: string): void {
    if (this.#messages.take(Date.now()) > 0) {
      return this.#connection.close('policy', closeText.tooManyMessages);
    }
    const decoded = decodeSubscriberUpstream(text);
    if (!decoded.ok) return this.#connection.close('bad_message', decoded.problem);
    const { message } = decoded;
    if (message.type === 'ping') return this.#connection.send({ ...message, type: 'pong' });
    void this.#admission.renew(message.token);
  }

  receiveBinary(): void {
    this.#connection.close('bad_message', closeText.binaryFromViewer);
  }

  /** The node goes away. The seat is free before the viewer is told, so that it finds one elsewhere at once. */
  leave(): void {
    if (this.#state.name === 'closed') return;
    this.#enter({ name: 'closed' });
    void this.#givenBack.then(() => this.#connection.close('restart', closeText.shuttingDown));
  }

  /** The socket is gone, or ends: give everything back. */
  closed(): void {
    if (this.#state.name !== 'closed') this.#enter({ name: 'closed' });
  }

  deliver(batch: Batch): void {
    const state = this.#state;
    if (state.name === 'catching-up') return this.#showPassing(state, batch.messages);
    if (state.name !== 'live') return;
    if (this.#reader.isForeign(batch)) return this.restart();
    if (state.held.size > 0 || this.#isSlow || !this.#reader.take(batch))
      return this.#deliverOneByOne(state, batch.messages);
    this.#connection.write(batch.frames);
  }

  behind(seq: number): void {
    const state = this.#state;
    if (state.name === 'live' && this.#reader.seq < seq) this.#repair(state);
  }

  #refuse(): void {
    const { subscribersPerMeeting } = this.#context.limits;
    const message = closeText.tooManyViewers(subscribersPerMeeting);
    this.#connection.close('connection_limit', message);
  }

  #greet({ head, recovered }: Opening): void {
    const { log, limits, outageMessage } = this.#context;
    this.#connection.send({
      type: 'connected',
      meeting_id: log.meeting.id,
      message: welcomeText.viewer(log.meeting.id),
      connection_id: this.#connection.id,
      epoch: head.epoch,
      seq: head.seq,
      recovered,
      heartbeat_ms: limits.heartbeatMs,
    });
    const outage = outageMessage(log.meeting);
    if (outage) this.#connection.write(outage.frame);
  }

  #repair({ seat }: State & { name: 'live' }): void {
    this.#catchUp(seat, true).catch((error: unknown) => this.#fail(error));
  }

  get #isSlow(): boolean {
    return this.#connection.unsentBytes > this.#context.limits.softUnsentBytes;
  }

  async #catchUp(seat: Seat, showsPartials: boolean): Promise<void> {
    const state: CatchingUp = { name: 'catching-up', seat, showsPartials };
    this.#enter(state);
    for (;;) {
      const next = await this.#reader.next();
      if (this.#state !== state) return;
      if (next === 'over') return this.restart();
      if (next === 'level') break;
      for (const event of next.events) this.#connection.write(textFrame(encode(event)));
      if (!this.#reader.isBehind) break;
      if (this.#isSlow) await this.#connection.drained();
      if (this.#state !== state) return;
    }
    this.#enter({ name: 'live', seat, held: new Map() });
    this.#showCurrent();
  }

  /** Nobody waits in silence for a store that is away. */
  #showMeanwhile(error: unknown): void {
    this.#observeError(error);
    if (this.#state.name !== 'catching-up') return;
    this.#state.showsPartials = true;
    this.#showCurrent();
  }

  #showCurrent(): void {
    for (const partial of this.#reader.partials) this.#connection.write(partial.frame);
  }

  /** What is not logged: always how the meeting is doing, and words so far if they are shown. */
  #showPassing({ showsPartials }: CatchingUp, messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.seq > 0 || !this.#reader.stands(message)) continue;
      if (!showsPartials && message.type !== 'status') continue;
      if (this.#isSlow) return;
      this.#connection.write(message.frame);
    }
  }

  #deliverOneByOne(state: State & { name: 'live' }, messages: readonly Message[]): void {
    for (const message of messages) {
      if (this.#state !== state) return;
      if (!this.#reader.stands(message)) continue;
      const place = this.#reader.takeOne(message);
      if (place === 'passing') this.#sendEphemeral(state, message);
      else if (place === 'next') this.#sendLogged(state, message);
      else if (place === 'ahead') this.#repair(state);
    }
  }

  #sendLogged(state: State & { name: 'live' }, message: Message): void {
    const { hardUnsentBytes } = this.#context.limits;
    if (this.#connection.unsentBytes > hardUnsentBytes) {
      return this.#connection.close('slow_consumer', closeText.tooSlow);
    }
    for (const [source, { segmentNo }] of state.held) {
      if (segmentNo === message.segmentNo) state.held.delete(source);
    }
    this.#connection.write(message.frame);
  }

  /** Only the newest partial of each source waits for a slow viewer. */
  #sendEphemeral(state: State & { name: 'live' }, message: Message): void {
    const { source } = message;
    const isSlow = this.#isSlow;
    if (source && isSlow) return void state.held.set(source, message);
    if (isSlow) return;
    if (source) state.held.delete(source);
    this.#connection.write(message.frame);
  }

  #sendHeld(): void {
    if (this.#state.name !== 'live') return;
    const { held } = this.#state;
    for (const message of held.values())
      if (this.#reader.stands(message)) this.#connection.write(message.frame);
    held.clear();
  }

  /** The meeting was forgotten: there is another log, or none. */
  restart(): void {
    this.#connection.close('restart', closeText.newLog);
  }

  #fail(error: unknown): void {
    if (this.#state.name === 'closed') return;
    this.#observeError(error);
    this.#connection.close('internal_error', closeText.unreadable);
  }

  #enter(next: State): void {
    const before = this.#state;
    this.#state = next;
    const { log, observe } = this.#context;
    observe({ type: 'subscriber', state: next.name, connection: this.#connection.id, meeting: log.meeting });
    if (next.name === 'closed') this.#giveBack(before);
  }

  #giveBack(before: State): void {
    this.#admission.end();
    this.#reader.leave();
    const seat = before.name === 'closed' ? undefined : before.seat;
    const released = seat?.release().catch((error: unknown) => this.#observeError(error));
    this.#givenBack = released ?? this.#givenBack;
  }

  #observeError(error: unknown): void {
    this.#context.observe({ type: 'error', stage: 'subscriber', meeting: this.#context.log.meeting, error });
  }
}
