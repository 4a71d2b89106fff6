/** A hub on a real server on 127.0.0.1, and viewers with real sockets. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SubscriberDownstream } from '@meetcast/protocol';
import { SignJWT } from 'jose';
import { type ClientOptions, WebSocket } from 'ws';
import { createTranscriptHub, type TranscriptHub } from '../../src/hub.ts';
import type { HubOptions } from '../../src/hub-options.ts';
import { jwtAuthenticator } from '../../src/index.ts';
import type { HostMeeting } from '../../src/log/host-meeting.ts';
import type { Recognizer } from '../../src/recognizer/recognizer.ts';
import type { HubEvent } from '../../src/watch/observer.ts';

export const secret = 'a secret of at least thirty-two bytes';

export interface TokenClaims {
  user_id?: string;
  tenant_id?: string;
  role?: string;
  /** Seconds from now. */
  lastsSeconds?: number;
}

export function tokenFor({ lastsSeconds = 3_600, ...claims }: TokenClaims = {}): Promise<string> {
  const who = { user_id: 'u1', tenant_id: 'acme', email: 'u1@acme.test', role: 'member', ...claims };
  return new SignJWT(who)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime(new Date(Date.now() + lastsSeconds * 1000))
    .setAudience('meetcast')
    .setIssuer('meetcast')
    .sign(Buffer.from(secret));
}

/** For hubs whose tests send no audio. */
export const noRecognizer: Recognizer = { open: () => Promise.reject(new Error('no audio is sent here')) };

export type Event = SubscriberDownstream;

/** A viewer's socket and all it was told. */
export class Viewer {
  readonly socket: WebSocket;
  readonly messages: (Event | string)[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  #close: { code: number; reason: string } | undefined;

  constructor(url: string, options: ClientOptions = {}, protocols: string[] = []) {
    this.socket = new WebSocket(url, protocols, options);
    this.socket.on('message', (bytes) => {
      const text = String(bytes);
      this.messages.push(text.startsWith('{') ? JSON.parse(text) : text);
    });
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        this.#close = { code, reason: reason.toString() };
        resolve(this.#close);
      });
    });
  }

  get closeCode(): number | undefined {
    return this.#close?.code;
  }

  get events(): Event[] {
    return this.messages.filter((message) => typeof message !== 'string');
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }

  /** The places of the log's entries, as they came. */
  get seqs(): number[] {
    return this.events.flatMap((event) =>
      event.type !== 'connected' && 'seq' in event && event.seq !== undefined ? [event.seq] : [],
    );
  }

  of<T extends Event['type']>(type: T): Extract<Event, { type: T }>[] {
    return this.events.filter((event): event is Extract<Event, { type: T }> => event.type === type);
  }

  /** Resolves once the first message has come. */
  async connected(): Promise<Extract<Event, { type: 'connected' }>> {
    while (this.messages.length === 0) {
      const ended = this.closed.then(({ code }) => Promise.reject(new Error(`closed with ${code}`)));
      await Promise.race([once(this.socket, 'message'), ended]);
    }
    const [first] = this.messages;
    if (typeof first === 'string' || first?.type !== 'connected')
      throw new Error(`the first message is ${JSON.stringify(first)}`);
    return first;
  }

  send(message: object | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }
}

export interface TestHub {
  readonly hub: TranscriptHub;
  readonly server: Server;
  readonly port: number;
  readonly observed: HubEvent[];
  meeting(id?: string, tenant?: string): HostMeeting;
  /** Connects a viewer with a token of its own; `query` without the question mark. */
  view(query?: string, claims?: TokenClaims, id?: string): Promise<Viewer>;
  get(path: string, init?: RequestInit & { claims?: TokenClaims | null }): Promise<Response>;
  close(): Promise<void>;
}

export async function startHub(options: Partial<HubOptions> = {}): Promise<TestHub> {
  const observed: HubEvent[] = [];
  const hub = createTranscriptHub({
    auth: jwtAuthenticator({ secret }),
    recognizer: noRecognizer,
    observe: (event) => observed.push(event),
    ...options,
  });
  const server = createServer();
  hub.attach(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const viewers: Viewer[] = [];
  return {
    hub,
    server,
    port,
    observed,
    meeting: (id = 'm', tenant = 'acme') => hub.meeting({ tenant, id }),
    async view(query = '', claims = {}, id = 'm') {
      const authorization = `Bearer ${await tokenFor(claims)}`;
      const viewer = new Viewer(`ws://127.0.0.1:${port}/api/v1/ws/meetings/${id}?${query}`, {
        headers: { authorization },
      });
      viewers.push(viewer);
      return viewer;
    },
    async get(path, { claims = {}, ...init } = {}) {
      const headers = new Headers(init.headers);
      if (claims) headers.set('authorization', `Bearer ${await tokenFor(claims)}`);
      return fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers });
    },
    async close() {
      for (const { socket } of viewers) socket.terminate();
      await hub.close();
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

export const upTo = (last: number, first = 1): number[] =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
