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
import type { HubRequest } from './http/exchange.ts';
import { fromNode, fromWeb, targetText, toNode, toWeb } from './http/node.ts';
import { answer } from './http/rest.ts';
import { isOwnPath, targetOf } from './http/routes.ts';
import { Upgrades } from './http/websocket.ts';
import { IngestSession } from './ingest-session.ts';
import { type Limits, limitsWith } from './limits.ts';
import { type MeetingRef, meetingKey, stamp } from './meeting.ts';
import { type Observe, safely } from './observer.ts';
import { Outbox } from './outbox.ts';
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

const storeMessages = {
  degraded: 'words are heard but cannot be stored now; they follow when the store is back',
  recovered: 'the store is back; every word is stored',
};

const defaultFormat: AudioFormat = { sampleRate: 48_000, channels: 1 };

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
  readonly #outbox: Outbox;
  readonly #ledger = new AudioLedger();
  readonly #connects: SlidingWindow;
  readonly #upgrades: Upgrades;
  readonly #subscribers = new Set<Connection>();
  readonly #ingests = new Set<IngestSession>();
  readonly #detach = new Set<() => void>();
  /** Aborts when whoever follows a meeting over HTTP is to go elsewhere. */
  readonly #leaving = new AbortController();
  readonly #answers = new Set<Promise<void>>();
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
    this.#outbox = new Outbox({
      maxBytes: this.#limits.outboxBytes,
      slowMs: this.#limits.slowWriteMs,
      onChange: (meeting, state) => this.#sayStorage(meeting, state),
      onFailure: (meeting, error) => this.#observe({ type: 'error', stage: 'store', meeting, error }),
    });
    this.#connects = new SlidingWindow(this.#limits.connectsPerWindow, this.#limits.connectWindowMs);
    this.#upgrades = this.#makeUpgrades();
  }

  attach(server: Server): () => void {
    const undo = attach(server, {
      ownsRequest: (request) => isOwnPath(targetOf(targetText(request)).path, this.#basePath),
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
    const answered = await this.#answer(fromNode(request, response));
    if (!answered) return false;
    const sent = toNode(answered, request, response);
    this.#answers.add(sent);
    try {
      await sent;
    } catch {
      response.destroy(); // The client left in the middle, or the answer broke off: it must not look whole.
    } finally {
      this.#answers.delete(sent);
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
    await within(this.#limits.closeDeadlineMs, this.#stored());
    this.#outbox.close();
    await nextTurn(); // Rooms hand out what they heard once a turn: the last words go before the goodbye.
    for (const connection of this.#subscribers)
      connection.close('restart', 'this node is going away; connect again');
    this.#leaving.abort();
    const ends = [...[...this.#subscribers].map(({ closed }) => closed), ...this.#answers];
    await within(1_000, Promise.allSettled(ends));
    for (const detach of this.#detach) detach();
    this.#upgrades.terminate();
    await this.#rooms.close();
    // Whoever opens an adapter closes it: these are the hub's own.
    if (!this.#options.bus) await this.#bus.close();
    if (!this.#options.registry) await this.#registry.close();
    if (!this.#options.store) await this.#store.close();
  }

  /** Resolves when every sender has been heard out, and nothing waits for the store. */
  async #stored(): Promise<void> {
    await Promise.all([...this.#ingests].map(({ ended }) => ended));
    await this.#outbox.idle();
  }

  /** For everybody in the meeting; not kept, for what would keep it is slow or away. */
  #sayStorage(meeting: MeetingRef, status: keyof typeof storeMessages): void {
    const message = storeMessages[status];
    const shown = this.#log(meeting).show({ type: 'status', ...stamp(meeting), status, message });
    for (const session of this.#ingests) {
      if (meetingKey(session.meeting) === meetingKey(meeting)) session.show(shown);
    }
  }

  #log(meeting: MeetingRef): TranscriptLog {
    return new TranscriptLog(meeting, {
      store: this.#store,
      outbox: this.#outbox,
      bus: this.#bus,
      observe: this.#observe,
    });
  }

  #answer(request: HubRequest) {
    return answer(
      request,
      {
        basePath: this.#basePath,
        authenticate: this.#authenticate,
        isQueryTokenAllowed: this.#options.queryToken !== false,
      },
      {
        version: packageJson.version,
        store: this.#store,
        registry: this.#registry,
        rooms: this.#rooms,
        ledger: this.#ledger,
        limits: this.#limits,
        observe: this.#observe,
        closing: this.#leaving.signal,
        log: (meeting) => this.#log(meeting),
      },
    );
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
