/** One socket that comes back: it connects, notices silence and obeys the hub's close codes. */

import {
  type CloseWord,
  closeCodes,
  closePolicy,
  type Decoded,
  encode,
  type IngestDownstream,
  type IngestUpstream,
  type Retry,
  type SubscriberDownstream,
  type SubscriberUpstream,
  subprotocols,
} from '@meetcast/protocol';
import { retryWaitMs } from './backoff.ts';
import { Heartbeat } from './heartbeat.ts';
import type { LinkSettings } from './options.ts';
import * as sentences from './sentences.ts';
import { drop, listen, type SocketLike, unlisten } from './socket.ts';

export type ConnectionStatus = 'connecting' | 'connected' | 'reconnecting' | 'failed' | 'closed';

export interface ConnectionChange {
  status: ConnectionStatus;
  reason?: string;
  /** Failed connections in a row. */
  attempt?: number;
  retryInMs?: number;
  /** The close code, when there was one. */
  code?: number;
}

/** How a link ended for good. `lost` is a link that broke without a close of the hub's; `spool` one that has nothing to send. */
export interface CloseInfo {
  status: 'closed' | 'failed';
  code: number;
  word: CloseWord | 'lost' | 'spool';
  reason: string;
}

/** What a link is for. Nothing here may throw. */
export interface LinkOwner<Message> {
  /** Asked anew for every connection: what to resume from is in its query. */
  address(): string;
  decode(text: string): Decoded<Message>;
  /** The socket is open; the owner calls `ready()` when the hub's greeting has come. */
  opened(): void;
  received(message: Message): void;
  /** A frame that this version does not know. */
  unknown(text: string): void;
  /** The socket is gone; another may follow. */
  lost(): void;
  changed(change: ConnectionChange): void;
  ended(info: CloseInfo): void;
}

type Timer = ReturnType<typeof setTimeout>;
interface Wire {
  socket: SocketLike;
  token: string;
  /** What the hub, or the runtime, said was wrong; with a word, it explains that close only. */
  told?: { word?: string; message: string };
}

//   idle ─▶ asking (token) ─▶ opening ─▶ greeting ─ready()─▶ open
//             ▲                  │           │                │  loss
//             └──── waiting ◀────┴───────────┴────────────────┘
//   any ── close(), or a close code that forbids coming back ──▶ ended
type State =
  | { name: 'idle' }
  | { name: 'asking'; deadline: Timer }
  | { name: 'opening'; wire: Wire; deadline: Timer }
  | { name: 'greeting'; wire: Wire; deadline: Timer }
  | { name: 'open'; wire: Wire; heartbeat: Heartbeat; healthy: Timer }
  | { name: 'waiting'; timer: Timer }
  | { name: 'ended' };

/** RFC 6455's word for "the link broke": it never travels, so the hub's table does not have it. */
const noCloseFrame = 1006;
const defaultHeartbeatMs = 25_000;
const answerMs = 10_000;
const healthyMs = 10_000;

export class Link<Message extends SubscriberDownstream | IngestDownstream> {
  readonly #settings: LinkSettings;
  readonly #owner: LinkOwner<Message>;
  #state: State = { name: 'idle' };
  #status: ConnectionStatus = 'connecting';
  #failures = 0;

  constructor(settings: LinkSettings, owner: LinkOwner<Message>) {
    this.#settings = settings;
    this.#owner = owner;
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** The token of the open socket. */
  get token(): string {
    return this.#wire?.token ?? '';
  }

  get unsentBytes(): number {
    return this.#wire?.socket.bufferedAmount ?? 0;
  }

  start(): void {
    if (this.#state.name === 'idle') void this.#ask(undefined);
  }

  /** The hub has greeted: the link is connected. */
  ready(hubHeartbeatMs = 0): void {
    const state = this.#state;
    if (state.name !== 'greeting') return;
    const silenceMs = this.#settings.heartbeatMs ?? (hubHeartbeatMs || defaultHeartbeatMs);
    const heartbeat = new Heartbeat({
      silenceMs,
      answerMs: Math.min(silenceMs, answerMs),
      now: this.#settings.now,
      ask: () => this.send({ type: 'ping' }),
      dead: () => this.drop(sentences.hubIsSilent),
    });
    const healthy = setTimeout(() => this.#thrive(), healthyMs);
    this.#enter({ name: 'open', wire: state.wire, heartbeat, healthy });
    this.#change({ status: 'connected' });
  }

  send(message: SubscriberUpstream | IngestUpstream): void {
    this.#opened?.socket.send(encode(message));
  }

  sendBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.#opened?.socket.send(bytes);
  }

  /** Leaves the socket at once, without its peer's consent, and comes back. */
  drop(reason: string): void {
    if (this.#wire) this.#lose(noCloseFrame, reason);
  }

  /** Ends the link for good, politely. */
  close(reason: string): void {
    if (this.#state.name === 'ended') return;
    const { code } = closeCodes.done;
    this.#end({ status: 'closed', code, word: 'done', reason }, (socket) => socket.close(code));
  }

  /** Ends the link for good because its owner cannot go on. */
  fail(word: CloseInfo['word'], reason: string): void {
    if (this.#state.name === 'ended') return;
    this.#end({ status: 'failed', code: noCloseFrame, word, reason });
  }

  get #wire(): Wire | undefined {
    return 'wire' in this.#state ? this.#state.wire : undefined;
  }

  /** A socket that connects still throws at what is sent. */
  get #opened(): Wire | undefined {
    return this.#state.name === 'opening' ? undefined : this.#wire;
  }

  async #ask(refused: string | undefined): Promise<void> {
    const state: State = {
      name: 'asking',
      deadline: this.#deadline(sentences.noTokenInTime),
    };
    this.#enter(state);
    const token = await this.#newToken().catch((error: unknown) => ({ problem: textOf(error) }));
    if (this.#state !== state) return;
    if (typeof token !== 'string') return this.#lose(noCloseFrame, sentences.tokenFailed(token.problem));
    if (token === refused) return this.#refused(closeCodes.auth_failed.code, sentences.sameTokenAgain);
    this.#open(token);
  }

  async #newToken(): Promise<string> {
    const { token } = this.#settings;
    if (typeof token === 'string') return token;
    const answer: unknown = await token();
    if (typeof answer === 'string' && answer !== '') return answer;
    throw new TypeError(sentences.notAToken(answer === '' ? 'an empty one' : typeof answer));
  }

  #open(token: string): void {
    let socket: SocketLike;
    try {
      socket = this.#settings.openSocket(this.#owner.address(), subprotocols(token));
    } catch (error) {
      return this.#refused(noCloseFrame, sentences.noSocket(textOf(error)));
    }
    socket.binaryType = 'arraybuffer';
    const wire: Wire = { socket, token };
    listen(socket, {
      opened: () => this.#awaitGreeting(wire),
      text: (text) => this.#received(wire, text),
      closed: (code, reason) => this.#closed(wire, code, reason),
      failed: (message) => {
        if (message !== '') wire.told ??= { message };
      },
    });
    this.#enter({ name: 'opening', wire, deadline: this.#deadline(sentences.hubDidNotAnswer) });
  }

  #awaitGreeting(wire: Wire): void {
    this.#enter({ name: 'greeting', wire, deadline: this.#deadline(sentences.hubDidNotGreet) });
    this.#owner.opened();
  }

  #deadline(reason: string): Timer {
    return setTimeout(() => this.#lose(noCloseFrame, reason), this.#settings.connectTimeoutMs);
  }

  #received(wire: Wire, text: string): void {
    const state = this.#state;
    if (state.name === 'open') state.heartbeat.heard();
    const decoded = this.#owner.decode(text);
    if (!decoded.ok) return this.#owner.unknown(text);
    const { message } = decoded;
    if (message.type === 'error') wire.told = { word: message.code, message: message.message };
    else if (message.type === 'handshake_ack' && message.status === 'error')
      wire.told = { message: message.message };
    else if (state.name === 'open') this.#thrive();
    if (message.type === 'pong' || message.type === 'auth_ok') return;
    if (isTokenExpiring(message)) return void this.#refresh(wire);
    this.#owner.received(message);
  }

  /** The hub says that the token is about to expire: hand it another in band. */
  async #refresh(wire: Wire): Promise<void> {
    if (typeof this.#settings.token === 'string') return;
    // Without one, the hub closes at expiry and the token is asked for again.
    const token = await this.#newToken().catch(() => wire.token);
    if (this.#wire !== wire || token === wire.token) return;
    wire.token = token;
    this.send({ type: 'auth', token });
  }

  #closed(wire: Wire, code: number, reason: string): void {
    const { word } = closePolicy(code);
    const told = wire.told?.word === undefined || wire.told.word === word ? wire.told?.message : undefined;
    this.#lose(code, told || reason || sentences.closedWith(word));
  }

  /** A connection is gone, or never came to be: come back if the policy says so. */
  #lose(code: number, reason: string): void {
    const { retry } = closePolicy(code);
    if (retry === 'never') return this.#refused(code, reason);
    const needsToken = retry === 'new-token' || retry === 'fresh-token';
    if (needsToken && typeof this.#settings.token === 'string') return this.#refused(code, reason);
    this.#failures += 1;
    if (this.#failures >= this.#settings.maxAttempts) return this.#refused(code, reason);
    this.#wait(retry, code, reason);
  }

  #wait(retry: Exclude<Retry, 'never'>, code: number, reason: string): void {
    const refused = retry === 'new-token' ? this.#wire?.token : undefined;
    const retryInMs = retryWaitMs(retry, this.#failures, this.#settings.backoff, this.#settings.random);
    const state: State = {
      name: 'waiting',
      timer: setTimeout(() => void this.#ask(refused), retryInMs),
    };
    this.#enter(state);
    // The owner may have closed the link when it heard of the loss.
    if (this.#state !== state) return;
    this.#change({ status: 'reconnecting', attempt: this.#failures, retryInMs, code, reason });
  }

  #refused(code: number, reason: string): void {
    const { word } = closePolicy(code);
    this.#end({ status: word === 'done' ? 'closed' : 'failed', code, word, reason });
  }

  #end(info: CloseInfo, leave = drop): void {
    this.#enter({ name: 'ended' }, leave);
    this.#change({ status: info.status, code: info.code, reason: info.reason });
    this.#owner.ended(info);
  }

  #thrive(): void {
    this.#failures = 0;
  }

  #change(change: ConnectionChange): void {
    this.#status = change.status;
    this.#owner.changed(change);
  }

  /** A socket is dropped, not closed, unless told otherwise: its peer may be dead. */
  #enter(next: State, leave = drop): void {
    const old = this.#state;
    this.#state = next;
    if ('deadline' in old) clearTimeout(old.deadline);
    if (old.name === 'waiting') clearTimeout(old.timer);
    if (old.name === 'open') {
      clearTimeout(old.healthy);
      old.heartbeat.stop();
    }
    if (!('wire' in old) || ('wire' in next && next.wire === old.wire)) return;
    unlisten(old.wire.socket);
    leave(old.wire.socket);
    this.#owner.lost();
  }
}

function isTokenExpiring(message: SubscriberDownstream | IngestDownstream): boolean {
  return message.type === 'status' && message.status === 'token_expiring' && message.seq === undefined;
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
