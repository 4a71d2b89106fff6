/** From an HTTP upgrade to a session: which address, who asks, may they, and is there room. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { subprotocol } from '@meetcast/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Authenticator, Grant, Permission } from '../auth/authenticator.ts';
import type { Senders } from '../ingest/senders.ts';
import { isNamed } from '../lib/errors.ts';
import type { Limits } from '../lib/limits.ts';
import type { SlidingWindow } from '../lib/rate-limit.ts';
import { closeText, expectedText, problemText, tokenText } from '../lib/sentences.ts';
import { Admission } from '../socket/admission.ts';
import { Connection } from '../socket/connection.ts';
import type { Viewers } from '../viewers/viewers.ts';
import type { Observe } from '../watch/observer.ts';
import { problem } from './exchange.ts';
import { isMeetingId, sourceIn, startIn, targetOf, type WebSocketRoute, webSocketRoute } from './routes.ts';
import { offeredIn, tokenOf } from './token.ts';

/** What the hub does with an accepted socket. */
export interface Session {
  receive(text: string): void;
  receiveBinary(bytes: Uint8Array): void;
  closed(): void;
}

export interface UpgradeContext {
  readonly basePath: string;
  readonly authenticate: Authenticator;
  readonly isQueryTokenAllowed: boolean;
  readonly limits: Limits;
  readonly connects: SlidingWindow;
  readonly clientAddress: (request: IncomingMessage) => string;
  readonly observe: Observe;
  readonly viewers: Viewers;
  readonly senders: Senders;
  isDraining(): boolean;
}

/** What an upgrade asks for. */
interface Asked {
  readonly request: IncomingMessage;
  readonly route: WebSocketRoute;
  readonly query: URLSearchParams;
  /** Sub-protocols. */
  readonly offered: readonly string[];
}

/** Links are pinged in so many groups, one after the other, so that no turn is spent on pings alone. */
const beatGroups = 25;

/** A link that has not answered for so many heartbeats is dead. */
const mostMissedBeats = 2;

/** Larger frames are refused before they are read whole; smaller ones too large by a limit are told so. */
const payloadSlack = 4;

export class Upgrades {
  readonly #context: UpgradeContext;
  readonly #server: WebSocketServer;
  readonly #links = new Map<WebSocket, Link>();
  readonly #heartbeat: NodeJS.Timeout;
  #turn = 0;
  #accepted = 0;

  constructor(context: UpgradeContext) {
    this.#context = context;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: context.limits.ingestFrameBytes * payloadSlack,
      maxFragments: 64,
      maxBufferedChunks: 4_096,
      handleProtocols: () => subprotocol,
    });
    this.#heartbeat = setInterval(() => this.#beat(), context.limits.heartbeatMs / beatGroups).unref();
  }

  /** Answers an upgrade of one of the hub's addresses; otherwise touches nothing and says so. */
  handle(request: IncomingMessage, stream: Duplex, head: Buffer): boolean {
    const { path, query } = targetOf(request.url);
    const route = webSocketRoute(path, this.#context.basePath);
    if (!route) return false;
    // From here on the stream is ours: a peer that resets it must not end the process.
    stream.on('error', () => stream.destroy());
    const offered = offeredIn(request.headers['sec-websocket-protocol']);
    const asked = { request, route, query, offered };
    const refusal = refusalOf(asked);
    if (refusal) refuse(stream, refusal);
    else this.#server.handleUpgrade(request, stream, head, (socket) => this.#accept(socket, stream, asked));
    return true;
  }

  /** Each link's end. */
  get ends(): Promise<void>[] {
    return [...this.#links.values()].map(({ connection }) => connection.closed);
  }

  /** Ends every link at once. */
  terminate(): void {
    clearInterval(this.#heartbeat);
    for (const socket of this.#links.keys()) socket.terminate();
  }

  #accept(socket: WebSocket, stream: Duplex, asked: Asked): void {
    const connection = new Connection(socket, stream, this.#context.observe);
    const group = this.#accepted++ % beatGroups;
    const link: Link = { connection, group, session: undefined, missedBeats: 0 };
    this.#links.set(socket, link);
    socket.on('error', () => {}); // A protocol error of the peer: `ws` closes with its code, and `close` follows.
    socket.on('message', (data: Buffer, isBinary) => {
      link.missedBeats = 0;
      // A peer may go on talking until it has read the close.
      if (!connection.isOpen) return;
      if (isBinary) link.session?.receiveBinary(data);
      else link.session?.receive(data.toString());
    });
    socket.on('pong', () => {
      link.missedBeats = 0;
    });
    socket.on('close', () => {
      this.#links.delete(socket);
      link.session?.closed();
    });
    // Nothing is read, so nothing is kept, for somebody who is nobody yet.
    connection.pause();
    this.#open(connection, asked)
      .then((session) => {
        link.session = session;
        connection.resume();
      })
      .catch((error: unknown) => {
        this.#context.observe({ type: 'error', stage: 'http', error });
        connection.close('internal_error', closeText.failed);
      });
  }

  /** The session, or nothing when the connection was closed with the reason. */
  async #open(connection: Connection, asked: Asked): Promise<Session | undefined> {
    const { request, route, query } = asked;
    const context = this.#context;
    if (context.isDraining()) return reject(connection, 'try_again_later', closeText.shuttingDown);
    if (!this.#isWelcome(request)) {
      return reject(connection, 'try_again_later', closeText.tooManyConnections);
    }
    const grant = await this.#authenticate(connection, asked);
    if (!grant || !connection.isOpen) return undefined;
    if (context.isDraining()) return reject(connection, 'try_again_later', closeText.shuttingDown);
    const needs: Permission = route.name === 'ingest' ? 'publish' : 'subscribe';
    if (!grant.may.has(needs)) {
      return reject(connection, 'forbidden', tokenText.forbidden(grant.role, needs));
    }
    const meeting = { tenant: grant.tenant, id: route.meeting };
    const admission = new Admission(
      grant,
      meeting,
      needs,
      context.authenticate,
      context.limits.tokenWarningMs,
    );
    if (route.name === 'ingest') {
      const source = sourceIn(query);
      if (source === null) return reject(connection, 'bad_handshake', expectedText.source);
      return context.senders.admit(connection, admission, meeting, source);
    }
    const start = startIn(query);
    if (typeof start === 'string') return reject(connection, 'bad_message', start);
    return context.viewers.admit(connection, admission, meeting, start);
  }

  #isWelcome(request: IncomingMessage): boolean {
    const address = this.#context.clientAddress(request);
    return isLoopback(address) || this.#context.connects.allow(`address ${address}`, Date.now());
  }

  async #authenticate(
    connection: Connection,
    { request, offered, query }: Asked,
  ): Promise<Grant | undefined> {
    const { authorization } = request.headers;
    const token = tokenOf({ authorization, subprotocols: offered, query }, this.#context.isQueryTokenAllowed);
    if (token === undefined) {
      return reject(connection, 'auth_failed', tokenText.missing);
    }
    try {
      return await this.#context.authenticate(token);
    } catch (error) {
      if (!isNamed('AuthError', error)) throw error;
      return reject(connection, 'auth_failed', error.message);
    }
  }

  #beat(): void {
    const group = this.#turn++ % beatGroups;
    for (const [socket, link] of this.#links) {
      if (link.group !== group) continue;
      // A socket that the hub itself does not read cannot answer.
      if (link.connection.isPaused) link.missedBeats = 0;
      link.missedBeats += 1;
      if (link.missedBeats > mostMissedBeats) socket.terminate();
      else socket.ping();
    }
  }
}

/** A socket, its session once there is one, and whether its peer still answers. */
interface Link {
  readonly connection: Connection;
  /** Of those that are pinged together. */
  readonly group: number;
  session: Session | undefined;
  missedBeats: number;
}

function reject(connection: Connection, ...why: Parameters<Connection['close']>): undefined {
  connection.close(...why);
}

function refusalOf({ route, offered }: Asked): string | undefined {
  if (!isMeetingId(route.meeting)) return problemText.notMeetingId;
  if (offered.length > 0 && !offered.includes(subprotocol)) return problemText.wrongSubprotocol(subprotocol);
  return undefined;
}

/** Answers an upgrade with a refusal before it becomes a WebSocket. */
function refuse(stream: Duplex, detail: string): void {
  const { status, headers, body } = problem(400, 'bad_request', detail);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const length = Buffer.byteLength(String(body));
  stream.end(
    [
      `HTTP/1.1 ${status} Bad Request`,
      ...lines,
      `content-length: ${length}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

const isLoopback = (address: string): boolean =>
  address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
