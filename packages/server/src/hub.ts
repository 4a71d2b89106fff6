/** The hub: wires the parts together and gives a host its four doors. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { meetingIdPattern } from '@meetcast/protocol';
import packageJson from '../package.json' with { type: 'json' };
import { AudioLedger } from './audio-ledger.ts';
import type { Authenticator } from './auth/authenticator.ts';
import type { Bus } from './bus/bus.ts';
import { memoryBus } from './bus/memory.ts';
import type { Connection } from './connection.ts';
import { isNamed } from './errors.ts';
import { HostMeeting } from './host-meeting.ts';
import { attach } from './http/attach.ts';
import { fromNode, fromWeb, toNode, toWeb } from './http/node.ts';
import { answer } from './http/rest.ts';
import { isOwnPath, targetOf } from './http/routes.ts';
import { Upgrades } from './http/websocket.ts';
import { IngestSession } from './ingest-session.ts';
import { type Limits, limitsWith } from './limits.ts';
import type { MeetingRef } from './meeting.ts';
import { type Observe, safely } from './observer.ts';
import { SlidingWindow } from './rate.ts';
import type { AudioFormat, Recognizer } from './recognizer/recognizer.ts';
import { memoryRegistry } from './registry/memory.ts';
import type { Registry } from './registry/registry.ts';
import { Rooms } from './rooms.ts';
import { memoryStore } from './store/memory.ts';
import type { Store } from './store/store.ts';
import { SubscriberSession } from './subscriber-session.ts';
import { TranscriptLog } from './transcript-log.ts';

export interface HubOptions {
  /** Who a token belongs to, for instance `jwtAuthenticator({ secret })`. */
  auth: Authenticator;
  /** What turns audio into words, for instance `deepgram({ apiKey })`. */
  recognizer: Recognizer;
  /** Where logs live. Default: memory, gone with the process. */
  store?: Store;
  /** How nodes hear of each other. Default: this process alone. */
  bus?: Bus;
  /** Who is connected. Default: this process alone. */
  registry?: Registry;
  limits?: Partial<Limits>;
  /** The audio of a sender whose handshake does not say. Default 48 000 Hz mono. */
  ingestDefaults?: Partial<AudioFormat>;
  /** What the hub's paths begin with. Default `/api/v1`. */
  basePath?: string;
  /** Whether `?token=` is accepted beside headers and sub-protocols. Default true. */
  queryToken?: boolean;
  /** Whose connection it is, for the limit per address. Default: the socket's; behind a proxy, read its header. */
  clientAddress?: (request: IncomingMessage) => string;
  /** Told what happens: to count, log or trace. */
  observe?: Observe;
}

export interface TranscriptHub {
  /** Answers the hub's own paths on a Node server, beside whoever else listens. The returned function undoes it. */
  attach(server: Server): () => void;
  /** Answers a request to one of the hub's paths; otherwise touches nothing and resolves with false. */
  handleRequest(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
  /** Answers an upgrade of one of the hub's paths; otherwise touches nothing and returns false. */
  handleUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): boolean;
  /** The same for hosts that speak the web's Request and Response. WebSockets still need `attach`. */
  fetch(request: Request): Promise<Response | undefined>;
  /** A meeting to which the host itself adds statuses, tips, summaries and segments. */
  meeting(ref: MeetingRef): HostMeeting;
  /** Takes no more connections, stores what was heard, asks clients to come back elsewhere, and ends. */
  close(): Promise<void>;
}

export function createTranscriptHub(options: HubOptions): TranscriptHub {
  const hub = new Hub(checked(options));
  return {
    attach: (server) => hub.attach(server),
    handleRequest: (request, response) => hub.handleRequest(request, response),
    handleUpgrade: (request, stream, head) => hub.handleUpgrade(request, stream, head),
    fetch: (request) => hub.fetch(request),
    meeting: (ref) => hub.meeting(ref),
    close: () => hub.close(),
  };
}

function checked(options: HubOptions): HubOptions {
  if (typeof options?.auth !== 'function') {
    throw new TypeError('createTranscriptHub needs auth, for instance jwtAuthenticator({ secret })');
  }
  if (typeof options.recognizer?.open !== 'function') {
    throw new TypeError('createTranscriptHub needs a recognizer, for instance deepgram({ apiKey })');
  }
  if (options.basePath !== undefined && !/^(\/[A-Za-z0-9._~-]+)*$/.test(options.basePath)) {
    throw new TypeError(`basePath must be "" or like "/api/v1", got "${options.basePath}"`);
  }
  return options;
}

const defaultFormat: AudioFormat = { sampleRate: 48_000, channels: 1 };

/** How long a closing hub waits for recognizers to say their last words. */
const closeDeadlineMs = 30_000;

class Hub {
  readonly #options: HubOptions;
  readonly #limits: Limits;
  readonly #observe: Observe;
  readonly #basePath: string;
  readonly #authenticate: Authenticator;
  readonly #store: Store;
  readonly #bus: Bus;
  readonly #registry: Registry;
  readonly #rooms: Rooms;
  readonly #ledger = new AudioLedger();
  readonly #connects: SlidingWindow;
  readonly #upgrades: Upgrades;
  readonly #subscribers = new Set<Connection>();
  readonly #ingests = new Set<IngestSession>();
  readonly #detach = new Set<() => void>();
  #closing: Promise<void> | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#limits = limitsWith(options.limits);
    this.#observe = safely(options.observe);
    this.#basePath = options.basePath ?? '/api/v1';
    this.#authenticate = reporting(options.auth, this.#observe);
    this.#store = options.store ?? memoryStore();
    this.#bus = options.bus ?? memoryBus();
    this.#registry = options.registry ?? memoryRegistry();
    this.#rooms = new Rooms(this.#bus, this.#limits, this.#observe);
    this.#connects = new SlidingWindow(this.#limits.connectsPerWindow, this.#limits.connectWindowMs);
    this.#upgrades = this.#makeUpgrades();
  }

  attach(server: Server): () => void {
    const undo = attach(server, {
      ownsRequest: (request) => isOwnPath(targetOf(fromNode(request).target).path, this.#basePath),
      handleRequest: (request, response) => this.handleRequest(request, response),
      handleUpgrade: (request, stream, head) => this.handleUpgrade(request, stream, head),
    });
    const detach = () => {
      undo();
      this.#detach.delete(detach);
    };
    this.#detach.add(detach);
    return detach;
  }

  async handleRequest(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const answered = await this.#answer(fromNode(request));
    if (!answered) return false;
    try {
      await toNode(answered, request, response);
    } catch {
      response.destroy(); // The client left in the middle, or the answer broke off: it must not look whole.
    }
    return true;
  }

  handleUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): boolean {
    return this.#upgrades.handle(request, stream, head);
  }

  async fetch(request: Request): Promise<Response | undefined> {
    const answered = await this.#answer(fromWeb(request));
    return answered && toWeb(answered, request);
  }

  meeting(ref: MeetingRef): HostMeeting {
    for (const [name, value] of Object.entries({ tenant: ref.tenant, id: ref.id })) {
      if (!meetingIdPattern.test(value)) {
        throw new TypeError(`${name} must be 1–128 characters of A–Z a–z 0–9 . _ : -, got "${value}"`);
      }
    }
    return new HostMeeting(this.#log(ref), this.#registry);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const session of this.#ingests) session.end();
    await within(closeDeadlineMs, Promise.all([...this.#ingests].map(({ ended }) => ended)));
    await nextTurn(); // Rooms hand out what they heard once a turn: the last words go before the goodbye.
    for (const connection of this.#subscribers)
      connection.close('restart', 'this node is going away; connect again');
    await within(1_000, Promise.all([...this.#subscribers].map((connection) => connection.closed)));
    for (const detach of this.#detach) detach();
    this.#upgrades.terminate();
    await this.#rooms.close();
    // Whoever opens an adapter closes it: these are the hub's own.
    if (!this.#options.bus) await this.#bus.close();
    if (!this.#options.registry) await this.#registry.close();
    if (!this.#options.store) await this.#store.close();
  }

  #log(meeting: MeetingRef): TranscriptLog {
    return new TranscriptLog(meeting, this.#store, this.#bus, this.#observe);
  }

  #answer(request: Parameters<typeof answer>[0]) {
    return answer(request, {
      basePath: this.#basePath,
      version: packageJson.version,
      authenticate: this.#authenticate,
      isQueryTokenAllowed: this.#options.queryToken !== false,
      store: this.#store,
      registry: this.#registry,
      ledger: this.#ledger,
      observe: this.#observe,
    });
  }

  #makeUpgrades(): Upgrades {
    return new Upgrades({
      basePath: this.#basePath,
      authenticate: this.#authenticate,
      isQueryTokenAllowed: this.#options.queryToken !== false,
      limits: this.#limits,
      connects: this.#connects,
      clientAddress: this.#options.clientAddress ?? (({ socket }) => socket.remoteAddress ?? ''),
      observe: this.#observe,
      isDraining: () => this.#closing !== undefined,
      subscribe: (connection, admission, meeting, start) => {
        const context = {
          log: this.#log(meeting),
          rooms: this.#rooms,
          registry: this.#registry,
          limits: this.#limits,
          observe: this.#observe,
        };
        const session = new SubscriberSession(connection, admission, context);
        this.#subscribers.add(connection);
        void connection.closed.then(() => this.#subscribers.delete(connection));
        void session.start(start);
        return session;
      },
      ingest: (connection, admission, meeting, source) => {
        const context = {
          log: this.#log(meeting),
          registry: this.#registry,
          recognizer: this.#options.recognizer,
          ledger: this.#ledger,
          connects: this.#connects,
          limits: this.#limits,
          defaultFormat: { ...defaultFormat, ...this.#options.ingestDefaults },
          observe: this.#observe,
        };
        const session = new IngestSession(connection, admission, context, source);
        this.#ingests.add(session);
        void session.ended.then(() => this.#ingests.delete(session));
        session.start();
        return session;
      },
    });
  }
}

/** An authenticator whose own failures are seen: what it says of a token is shown to the client and is no failure. */
function reporting(authenticate: Authenticator, observe: Observe): Authenticator {
  return async (token) => {
    try {
      return await authenticate(token);
    } catch (error) {
      if (!isNamed('AuthError', error)) observe({ type: 'error', stage: 'auth', error });
      throw error;
    }
  };
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Waits for a promise, but no longer. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, deadline]);
  clearTimeout(timer);
}
