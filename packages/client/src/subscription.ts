/** One viewer of one meeting: every logged event once, in order, across every reconnect. */

import {
  type Connected,
  checkOptions,
  decodeSubscriberDownstream,
  type ErrorMessage,
  type Status,
  type SubscriberDownstream,
  type TranscriptFinal,
  type TranscriptPartial,
} from '@meetcast/protocol';
import type { MeetingAddress } from './address.ts';
import { type Arrival, arrivalOf, unknownArrival } from './arrival.ts';
import { integer } from './check.ts';
import { deferred } from './deferred.ts';
import { Emitter } from './emitter.ts';
import { EventQueue } from './event-queue.ts';
import { type CloseInfo, type ConnectionChange, type ConnectionStatus, Link } from './link.ts';
import {
  addressOf,
  type ConnectOptions,
  knownConnectOptions,
  type LinkSettings,
  linkSettings,
} from './options.ts';
import * as sentences from './sentences.ts';
import { advanced, judge, type Place, type Position, positionOf, resumeQuery } from './sequence.ts';
import type { OpenSocket } from './socket.ts';
import { applyEvent, emptyTranscript, type SubscriptionEvent, type Transcript } from './transcript.ts';
import { transcriptPages } from './transcript-pages.ts';

export interface SubscribeOptions extends ConnectOptions {
  /** Resume after this entry of the log … */
  since?: number;
  /** … whose epoch this is. */
  epoch?: string;
  /** What of the past a first join gets: all (the default), nothing, or so many entries. */
  history?: 'all' | 'none' | number;
  fetch?: typeof fetch;
}

const known = { ...knownConnectOptions, since: true, epoch: true, history: true, fetch: true };

export interface SubscriptionEvents {
  /** Every event of the meeting, in order. */
  event: SubscriptionEvent;
  final: TranscriptFinal;
  partial: TranscriptPartial;
  status: Status;
  connection: ConnectionChange;
  /** The log was restarted, or no longer reaches back: the transcript was cleared, and its finals follow as events. */
  reset: Position;
  /** What the hub says is wrong. */
  error: ErrorMessage;
}

export interface Subscription extends AsyncIterable<SubscriptionEvent> {
  readonly connection: ConnectionStatus;
  /** Where to resume from; not known before the hub has greeted and history has begun. */
  readonly position: Position | undefined;
  readonly transcript: Transcript;
  /** The returned function stops the listener. */
  on<Type extends keyof SubscriptionEvents>(
    type: Type,
    listener: (value: SubscriptionEvents[Type]) => void,
  ): () => void;
  close(): void;
  /** Resolves when the subscription has ended; never rejects. */
  readonly closed: Promise<CloseInfo>;
}

/** Starts watching a meeting. */
export function openSubscription(options: SubscribeOptions, openSocket: OpenSocket): Subscription {
  checkOptions('subscribe', options, known);
  return new MeetingSubscription(options, openSocket);
}

//   away ─connected─▶ live                        any ──socket gone──▶ away
//     └─connected, recovered: false─▶ reloading ─all pages─▶ live
type State =
  | { name: 'away' }
  | { name: 'live' }
  | { name: 'reloading'; head: Position; arrived: Arrival[]; abort: AbortController };

class MeetingSubscription implements Subscription {
  readonly closed: Promise<CloseInfo>;
  readonly #address: MeetingAddress;
  readonly #settings: LinkSettings;
  readonly #history: 'all' | 'none' | number;
  readonly #fetch: typeof fetch;
  readonly #link: Link<SubscriberDownstream>;
  readonly #emitter = new Emitter<SubscriptionEvents>();
  readonly #queues = new Set<EventQueue>();
  #state: State = { name: 'away' };
  #place: Place;
  #transcript = emptyTranscript;

  constructor(options: SubscribeOptions, openSocket: OpenSocket) {
    this.#address = addressOf(options);
    this.#settings = linkSettings(options, openSocket);
    this.#history = checkedHistory(options.history ?? 'all');
    this.#place = firstPlace(options);
    this.#fetch = options.fetch ?? globalThis.fetch;
    const { promise, resolve } = deferred<CloseInfo>();
    this.closed = promise;
    this.#link = new Link(this.#settings, {
      address: () => this.#address.viewer(resumeQuery(this.#place, this.#history)),
      decode: decodeSubscriberDownstream,
      opened: () => {},
      received: (message) => this.#received(message),
      unknown: (text) => this.#arrived(unknownArrival(text)),
      lost: () => this.#enter({ name: 'away' }),
      changed: (change) => this.#emitter.emit('connection', change),
      ended: (info) => this.#ended(info, resolve),
    });
    this.#link.start();
  }

  get connection(): ConnectionStatus {
    return this.#link.status;
  }

  get position(): Position | undefined {
    return positionOf(this.#place);
  }

  get transcript(): Transcript {
    return this.#transcript;
  }

  on<Type extends keyof SubscriptionEvents>(
    type: Type,
    listener: (value: SubscriptionEvents[Type]) => void,
  ): () => void {
    return this.#emitter.on(type, listener);
  }

  /** Yields what comes from now on, and ends with the subscription. */
  [Symbol.asyncIterator](): EventQueue {
    const queue = new EventQueue((left) => this.#queues.delete(left));
    if (['closed', 'failed'].includes(this.#link.status)) queue.end();
    else this.#queues.add(queue);
    return queue;
  }

  close(): void {
    this.#link.close(sentences.closeCalled);
  }

  #received(message: SubscriberDownstream): void {
    if (message.type === 'connected') return this.#greeted(message);
    if (message.type === 'error') return this.#emitter.emit('error', message);
    if (message.type === 'pong' || message.type === 'auth_ok') return;
    this.#arrived(arrivalOf(message));
  }

  #greeted({ epoch, seq, recovered, heartbeat_ms }: Connected): void {
    if (this.#state.name !== 'away') return;
    const resumed = this.#place.name === 'at' ? this.#place : undefined;
    const isSameLog = resumed?.epoch === undefined || resumed.epoch === epoch;
    const isLost = resumed !== undefined && (recovered === false || !isSameLog);
    if (isLost) this.#place = { name: 'at', epoch, seq: 0 };
    else this.#place = resumed ? { ...resumed, epoch } : this.#joined(epoch, seq);
    const next: State = isLost
      ? { name: 'reloading', head: { epoch, seq }, arrived: [], abort: new AbortController() }
      : { name: 'live' };
    this.#enter(next);
    this.#link.ready(heartbeat_ms);
    if (next.name === 'reloading') void this.#reload(next);
  }

  #joined(epoch: string, head: number): Place {
    const nothingComes = head === 0 || this.#history === 'none' || this.#history === 0;
    return nothingComes ? { name: 'at', epoch, seq: head } : { name: 'joining', epoch, head };
  }

  async #reload(state: State & { name: 'reloading' }): Promise<void> {
    if (this.#state !== state) return;
    this.#transcript = emptyTranscript;
    this.#emitter.emit('reset', state.head);
    try {
      for await (const finals of transcriptPages(this.#pages(state))) {
        for (const final of finals) if (this.#state === state) this.#deliver(final.seq, final);
        if (this.#state !== state) return;
      }
    } catch (error) {
      if (this.#state !== state) return;
      return this.#link.drop(sentences.transcriptNotLoaded(String(error)));
    }
    if (this.#state !== state) return;
    this.#place = { name: 'at', ...state.head };
    this.#enter({ name: 'live' });
    // Should a listener or a hole end this connection, the rest is ignored and asked for again.
    for (const arrival of state.arrived) this.#arrived(arrival);
  }

  #pages({ head, abort }: State & { name: 'reloading' }) {
    return {
      fetch: this.#fetch,
      address: this.#address.transcript,
      token: () => this.#link.token,
      signal: abort.signal,
      timeoutMs: this.#settings.connectTimeoutMs,
      epoch: head.epoch,
      upTo: head.seq,
    };
  }

  #arrived(arrival: Arrival | undefined): void {
    if (!arrival || this.#state.name === 'away') return;
    if (this.#state.name === 'reloading') return void this.#state.arrived.push(arrival);
    if (arrival.name === 'passing') return this.#show(arrival.event);
    const verdict = judge(this.#place, arrival.seq);
    if (verdict === 'repeat') return;
    // The hub repairs holes itself; should one come through, the log is asked instead.
    if (verdict === 'hole') return this.#link.drop(sentences.entriesMissing(arrival.seq));
    this.#deliver(arrival.seq, arrival.event);
  }

  #deliver(seq: number, event: SubscriptionEvent | undefined): void {
    this.#place = advanced(this.#place, seq);
    if (event) this.#show(event);
  }

  #show(event: SubscriptionEvent): void {
    this.#transcript = applyEvent(this.#transcript, event);
    for (const queue of this.#queues) queue.push(event);
    this.#emitter.emit('event', event);
    if (event.type === 'transcript.final') this.#emitter.emit('final', event);
    if (event.type === 'transcript.partial') this.#emitter.emit('partial', event);
    if (event.type === 'status') this.#emitter.emit('status', event);
  }

  #ended(info: CloseInfo, resolve: (info: CloseInfo) => void): void {
    for (const queue of this.#queues) queue.end();
    this.#queues.clear();
    this.#emitter.clear();
    resolve(info);
  }

  #enter(next: State): void {
    const old = this.#state;
    this.#state = next;
    if (old.name === 'reloading') old.abort.abort();
  }
}

function checkedHistory(history: 'all' | 'none' | number): 'all' | 'none' | number {
  if (history === 'all' || history === 'none') return history;
  if (typeof history === 'number') return integer('history', history, 0, Number.MAX_SAFE_INTEGER);
  throw new TypeError(`history must be "all", "none" or a number, got ${JSON.stringify(history)}`);
}

function firstPlace({ since, epoch }: SubscribeOptions): Place {
  if (since === undefined && epoch === undefined) return { name: 'anew' };
  if (since === undefined) throw new TypeError('epoch is of use only together with since');
  return { name: 'at', epoch, seq: integer('since', since, 0, Number.MAX_SAFE_INTEGER) };
}
