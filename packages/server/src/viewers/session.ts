/** One viewer's conversation. */
import { setTimeout as delay } from 'node:timers/promises';
import { decodeSubscriberUpstream, type Source } from '@meetcast/protocol';
import { loggedMessage, type Message } from '../bus/message.ts';
import type { Limits } from '../lib/limits.ts';
import { TokenBucket } from '../lib/rate-limit.ts';
import { closeText, welcomeText } from '../lib/sentences.ts';
import { storeRetryMs } from '../lib/store-retry.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Registry, Seat } from '../registry/registry.ts';
import type { Admission } from '../socket/admission.ts';
import type { Connection } from '../socket/connection.ts';
import type { Head, LogPage } from '../store/store.ts';
import type { Observe } from '../watch/observer.ts';
import { type ResumePoint, resumeAt } from './resume-point.ts';
import type { Batch, Member, Room } from './room.ts';
import type { Rooms } from './rooms.ts';

export interface ViewerContext {
  readonly log: TranscriptLog;
  readonly rooms: Rooms;
  readonly registry: Registry;
  readonly limits: Limits;
  readonly observe: Observe;
  /** What a newcomer has to know of this node at the moment. */
  outageMessage(): Message | undefined;
}

/*
 *   joining ──▶ catching-up ⇄ live
 *      └────────────┴──────────┴──▶ closed
 *
 * First join, resume and gap repair are one routine: read the log after `sent` until it ends, then follow the room.
 * A store that is away is asked again for as long as the viewer stays.
 */
type State =
  | { readonly name: 'joining'; seat: Seat | undefined; room: Room | undefined }
  | CatchingUp
  | { readonly name: 'live'; readonly present: Present; sent: number; readonly held: Map<Source, Message> }
  | { readonly name: 'closed' };

interface CatchingUp {
  readonly name: 'catching-up';
  readonly present: Present;
  sent: number;
  /** Whether words so far are shown meanwhile: to whom was live before, or has to wait for a store that is away. */
  showsPartials: boolean;
}

/** What a viewer holds while it is there. */
interface Present {
  readonly seat: Seat;
  readonly room: Room;
  readonly epoch: string;
}

export class ViewerSession implements Member {
  readonly #connection: Connection;
  readonly #admission: Admission;
  readonly #context: ViewerContext;
  readonly #messages: TokenBucket;
  #state: State = { name: 'joining', seat: undefined, room: undefined };
  /** Resolves, once the session is closed, when nobody holds its seat any longer. */
  #givenBack: Promise<void> = Promise.resolve();

  constructor(connection: Connection, admission: Admission, context: ViewerContext) {
    this.#connection = connection;
    this.#admission = admission;
    this.#context = context;
    const perSecond = context.limits.subscriberMessagesPerSecond;
    this.#messages = new TokenBucket(perSecond, perSecond * 2, Date.now());
    connection.ondrain = () => this.#sendHeld();
  }

  /** Takes a seat, joins the room, says `connected`, and catches up. */
  async start(start: ResumePoint): Promise<void> {
    const { log, rooms, registry, limits } = this.#context;
    const state: State = { name: 'joining', seat: undefined, room: undefined };
    this.#enter(state);
    try {
      const seat = await registry.seat(log.meeting, this.#connection.id, limits.subscribersPerMeeting);
      if (seat.kind === 'full') return this.#refuse();
      if (this.#state !== state) return await seat.release();
      state.seat = seat;
      const room = await rooms.join(log, this);
      if (this.#state !== state) return rooms.leave(room, this);
      state.room = room;
      const head = await this.#firstHead(state);
      if (!head) return;
      room.reach(head);
      void room.recall(head);
      const { sent, recovered } = resumeAt(start, head, limits.historyEntries);
      this.#greet(head, recovered);
      this.#showNotice();
      this.#admission.begin(this.#connection); // A warning must not come before `connected`.
      await this.#catchUp({ seat, room, epoch: head.epoch }, sent, false);
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
    if (batch.lastSeq > 0 && batch.epoch !== state.present.epoch) return this.restart();
    const follows = batch.firstSeq === 0 || (batch.isUnbroken && batch.firstSeq === state.sent + 1);
    const { unsentBytes } = this.#connection;
    if (!follows || state.held.size > 0 || unsentBytes > this.#context.limits.softUnsentBytes)
      return this.#deliverOneByOne(state, batch.messages);
    this.#connection.write(batch.frames);
    if (batch.lastSeq > 0) state.sent = batch.lastSeq;
  }

  behind(seq: number): void {
    const state = this.#state;
    if (state.name === 'live' && state.sent < seq) this.#repair(state);
  }

  #refuse(): void {
    const { subscribersPerMeeting } = this.#context.limits;
    const message = closeText.tooManyViewers(subscribersPerMeeting);
    this.#connection.close('connection_limit', message);
  }

  #greet(head: Head, recovered: boolean | null): void {
    this.#connection.send({
      type: 'connected',
      meeting_id: this.#context.log.meeting.id,
      message: welcomeText.viewer(this.#context.log.meeting.id),
      connection_id: this.#connection.id,
      epoch: head.epoch,
      seq: head.seq,
      recovered,
      heartbeat_ms: this.#context.limits.heartbeatMs,
    });
  }

  #showNotice(): void {
    const outage = this.#context.outageMessage();
    if (outage) this.#connection.write(outage.frame);
  }

  #repair({ present, sent }: State & { name: 'live' }): void {
    this.#catchUp(present, sent, true).catch((error: unknown) => this.#fail(error));
  }

  /** Another node may reach the store: a newcomer is not kept waiting for long. Undefined when it has left. */
  async #firstHead(state: State): Promise<Head | undefined> {
    const until = performance.now() + this.#context.limits.joinPatienceMs;
    for (let failures = 0; ; ) {
      try {
        const head = await this.#context.log.head();
        return this.#state === state ? head : undefined;
      } catch (error) {
        failures += 1;
        const waitMs = storeRetryMs(failures);
        if (performance.now() + waitMs > until) throw error;
        await delay(waitMs);
        if (this.#state !== state) return undefined;
      }
    }
  }

  /** Who has been greeted is never sent away because of the store. Undefined when the viewer has left. */
  async #nextPage(state: CatchingUp): Promise<LogPage | undefined> {
    for (let failures = 0; this.#state === state; ) {
      try {
        const page = await state.present.room.read(state.sent);
        return this.#state === state ? page : undefined;
      } catch (error) {
        failures += 1;
        if (failures === 1) this.#showMeanwhile(state, error);
        await delay(storeRetryMs(failures));
      }
    }
    return undefined;
  }

  async #catchUp(present: Present, sent: number, showsPartials: boolean): Promise<void> {
    const state: CatchingUp = { name: 'catching-up', present, sent, showsPartials };
    this.#enter(state);
    for (;;) {
      const { headSeq } = present.room;
      const page = await this.#nextPage(state);
      if (!page) return;
      if (page.epoch !== present.epoch) return this.restart();
      for (const event of page.events) {
        this.#connection.write(loggedMessage({ epoch: page.epoch, event }).frame);
        state.sent = event.seq;
      }
      // An announcement may be ahead of the log: an empty page ends the catch-up, or it would spin. But not if
      // something was announced since that page was asked for.
      const isEnd = page.events.length === 0 && present.room.headSeq === headSeq;
      if (isEnd || state.sent >= present.room.headSeq) break;
      if (this.#connection.unsentBytes > this.#context.limits.softUnsentBytes)
        await this.#connection.drained();
      if (this.#state !== state) return;
    }
    this.#enter({ name: 'live', present, sent: state.sent, held: new Map() });
    this.#showCurrent(present.room);
  }

  /** Nobody waits in silence for a store that is away. */
  #showMeanwhile(state: CatchingUp, error: unknown): void {
    this.#observeError(error);
    state.showsPartials = true;
    this.#showCurrent(state.present.room);
  }

  #showCurrent({ partials }: Room): void {
    for (const partial of partials) this.#connection.write(partial.frame);
  }

  /** What is not logged: always how the meeting is doing, and words so far if they are shown. */
  #showPassing({ present, showsPartials }: CatchingUp, messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.seq > 0 || !present.room.stands(message)) continue;
      if (!showsPartials && message.type !== 'status') continue;
      if (this.#connection.unsentBytes > this.#context.limits.softUnsentBytes) return;
      this.#connection.write(message.frame);
    }
  }

  #deliverOneByOne(state: State & { name: 'live' }, messages: readonly Message[]): void {
    for (const message of messages) {
      if (this.#state !== state) return;
      if (!state.present.room.stands(message)) continue;
      if (message.seq === 0) this.#sendEphemeral(state, message);
      else if (message.seq === state.sent + 1) this.#sendLogged(state, message);
      else if (message.seq > state.sent) this.#repair(state);
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
    state.sent = message.seq;
  }

  /** Only the newest partial of each source waits for a slow viewer. */
  #sendEphemeral(state: State & { name: 'live' }, message: Message): void {
    const { source } = message;
    const isSlow = this.#connection.unsentBytes > this.#context.limits.softUnsentBytes;
    if (source && isSlow) return void state.held.set(source, message);
    if (isSlow) return;
    if (source) state.held.delete(source);
    this.#connection.write(message.frame);
  }

  #sendHeld(): void {
    if (this.#state.name !== 'live') return;
    const { held, present } = this.#state;
    for (const message of held.values())
      if (present.room.stands(message)) this.#connection.write(message.frame);
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
    const { seat, room } =
      before.name === 'joining' ? before : before.name === 'closed' ? nothing : before.present;
    if (room) this.#context.rooms.leave(room, this);
    const released = seat?.release().catch((error: unknown) => this.#observeError(error));
    this.#givenBack = released ?? this.#givenBack;
  }

  #observeError(error: unknown): void {
    this.#context.observe({ type: 'error', stage: 'subscriber', meeting: this.#context.log.meeting, error });
  }
}

const nothing = { seat: undefined, room: undefined };
