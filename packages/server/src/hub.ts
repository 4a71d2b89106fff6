/** The hub: wires the parts together and gives a host its four doors. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { meetingIdPattern } from '@meetcast/protocol';
import packageJson from '../package.json' with { type: 'json' };
import type { Authenticator } from './auth/authenticator.ts';
import type { Bus } from './bus/bus.ts';
import { memoryBus } from './bus/memory.ts';
import type { Message } from './bus/message.ts';
import { ClusterReach } from './cluster-reach.ts';
import { attach } from './http/attach.ts';
import type { Viewer } from './http/endpoint.ts';
import type { HubRequest } from './http/exchange.ts';
import { fromNode, fromWeb, targetText, toNode, toWeb } from './http/node.ts';
import { answer } from './http/rest.ts';
import { isOwnPath, targetOf } from './http/routes.ts';
import { Upgrades } from './http/websocket.ts';
import { watchDeadNodes } from './ingest/dead-node.ts';
import { Grace } from './ingest/grace.ts';
import { SenderSession } from './ingest/session.ts';
import { LateHearing } from './late-hearing/late-hearing.ts';
import type { UnheardOptions } from './late-hearing/options.ts';
import { type Limits, limitsWith } from './lib/limits.ts';
import type { MeetingRef } from './lib/meeting.ts';
import { SlidingWindow } from './lib/rate-limit.ts';
import type { RemoteState } from './lib/remote.ts';
import { staggered } from './lib/staggered.ts';
import { withTimeout } from './lib/with-timeout.ts';
import { HostMeeting } from './log/host-meeting.ts';
import { isolationMessage, type OutageStatus, outageStatusOf } from './log/outage.ts';
import { Outbox } from './log/outbox.ts';
import { TranscriptLog } from './log/transcript-log.ts';
import { firstAvailable } from './recognizer/first-available.ts';
import type { AudioFormat, Recognizer } from './recognizer/recognizer.ts';
import { type ResilientOptions, resilient } from './recovery/resilient.ts';
import { memoryRegistry } from './registry/memory.ts';
import type { Registry } from './registry/registry.ts';
import { memoryStore } from './store/memory.ts';
import type { Store } from './store/store.ts';
import { AudioLedger } from './transcription/audio-ledger.ts';
import { Rooms } from './viewers/rooms.ts';
import { ViewerSession } from './viewers/session.ts';
import { HubCounts } from './watch/counts.ts';
import { type Observe, observed, safely } from './watch/observer.ts';

export interface HubOptions {
  /** Who a token belongs to, for instance `jwtAuthenticator({ secret })`. */
  auth: Authenticator;
  /** What turns audio into words, for instance `deepgram({ apiKey })`; of several, the first that is well is used. */
  recognizer: Recognizer | readonly Recognizer[];
  /** What is done when a recognizer is lost: audio is kept and heard again. `false`: the sender has to do that. */
  recovery?: ResilientOptions | false;
  /** How much audio is kept that could not be heard, to be heard later. `false`: none. */
  unheard?: UnheardOptions | false;
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
  if (!isRecognizer(options.recognizer)) {
    throw new TypeError('createTranscriptHub needs a recognizer, for instance deepgram({ apiKey })');
  }
  if (options.basePath !== undefined && !/^(\/[A-Za-z0-9._~-]+)*$/.test(options.basePath)) {
    throw new TypeError(`basePath must be "" or like "/api/v1", got "${options.basePath}"`);
  }
  return options;
}

function isRecognizer(given: HubOptions['recognizer'] | undefined): boolean {
  if (given === undefined || given === null) return false;
  if ('open' in given) return typeof given.open === 'function';
  return Array.isArray(given) && given.length > 0 && given.every((each) => typeof each?.open === 'function');
}

/** Every recognizer is looked after, unless the host has done so itself. */
function recognizerOf({ recognizer, recovery }: HubOptions, observe: Observe): Recognizer {
  const refused = (error: Error) => observe({ type: 'error', stage: 'recovery', error });
  if (recovery !== false) return resilient(recognizer, recovery, refused);
  return 'open' in recognizer ? recognizer : firstAvailable(recognizer);
}

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
  readonly #recognizer: Recognizer;
  readonly #grace: Grace;
  readonly #late: LateHearing;
  readonly #ledger = new AudioLedger();
  readonly #counts = new HubCounts();
  readonly #connects: SlidingWindow;
  readonly #upgrades: Upgrades;
  readonly #clusterReach: ClusterReach;
  readonly #leaveDeadNodes: () => void;
  readonly #viewers = new Set<Viewer>();
  readonly #senders = new Set<SenderSession>();
  readonly #detach = new Set<() => void>();
  /** Aborts when whoever follows a meeting has been asked to go elsewhere. */
  readonly #leaving = new AbortController();
  readonly #answers = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#limits = limitsWith(options.limits);
    this.#observe = this.#counts.before(safely(options.observe));
    this.#basePath = options.basePath ?? '/api/v1';
    this.#authenticate = observed(options.auth, this.#observe);
    this.#store = options.store ?? memoryStore();
    this.#bus = options.bus ?? memoryBus();
    this.#registry = options.registry ?? memoryRegistry();
    this.#recognizer = recognizerOf(options, this.#observe);
    this.#grace = new Grace(this.#limits.graceMs);
    const parts = {
      registry: this.#registry,
      ledger: this.#ledger,
      observe: this.#observe,
      log: (meeting: MeetingRef) => this.#log(meeting),
    };
    this.#late = new LateHearing(options.unheard ?? {}, { ...parts, recognizer: this.#recognizer });
    this.#rooms = new Rooms(this.#bus, this.#limits, this.#observe);
    this.#clusterReach = new ClusterReach(
      { bus: this.#bus, registry: this.#registry },
      this.#observe,
      (state) => this.#sayRemote(state),
    );
    this.#outbox = new Outbox({
      maxBytes: this.#limits.outboxBytes,
      slowMs: this.#limits.slowWriteMs,
      onChange: (meeting, state) => this.#sayStorage(meeting, state),
      onFailure: (meeting, error) => this.#observe({ type: 'error', stage: 'store', meeting, error }),
    });
    this.#connects = new SlidingWindow(this.#limits.connectsPerWindow, this.#limits.connectWindowMs);
    this.#upgrades = this.#makeUpgrades();
    this.#leaveDeadNodes = watchDeadNodes({ ...parts, grace: this.#grace, graceMs: this.#limits.graceMs });
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
    void this.#late.stop();
    this.#leaveDeadNodes();
    for (const session of this.#senders) session.end();
    // Viewers elsewhere hear the last words too; if there is no elsewhere they hear them here, before the goodbye.
    const isServedElsewhere = this.#bus.remote !== undefined;
    const asked = isServedElsewhere ? this.#askViewersToLeave() : undefined;
    await withTimeout(this.#stored(), this.#limits.closeDeadlineMs, giveUp);
    const ends = [...this.#senders].map(({ ended }) => ended);
    for (const session of this.#senders) session.abandon();
    await withTimeout(Promise.all(ends), farewellMs, giveUp);
    this.#outbox.close();
    await withTimeout(this.#late.close(), savingMs, giveUp);
    await nextTurn(); // What is due in this one has been done then.
    await (asked ?? this.#askViewersToLeave());
    this.#leaving.abort();
    const farewells = Promise.allSettled([...ends, ...this.#upgrades.ends, ...this.#answers]);
    await withTimeout(farewells, farewellMs, giveUp);
    for (const detach of this.#detach) detach();
    this.#upgrades.terminate();
    this.#clusterReach.close();
    await this.#rooms.close();
    // Whoever opens an adapter closes it: these are the hub's own.
    if (!this.#options.bus) await this.#bus.close();
    if (!this.#options.registry) await this.#registry.close();
    if (!this.#options.store) await this.#store.close();
  }

  #askViewersToLeave(): Promise<void> {
    return staggered(this.#viewers, this.#limits.closeSpreadMs, (follower) => follower.leave());
  }

  /** Resolves when every sender has been heard out, and nothing waits for the store. */
  async #stored(): Promise<void> {
    await Promise.all([...this.#senders].map(({ ended }) => ended));
    await this.#grace.close();
    await this.#outbox.idle();
  }

  /** For everybody in the meeting; not kept, for what would keep it is slow or away. */
  #sayStorage(meeting: MeetingRef, status: OutageStatus): void {
    const message = this.#log(meeting).show(outageStatusOf(meeting, 'storage', status));
    this.#rooms.senders.show(meeting, message);
  }

  /** For everybody on this node, and nobody else. */
  #sayRemote(state: RemoteState): void {
    const status = state === 'away' ? 'degraded' : 'recovered';
    for (const meeting of this.#rooms.meetings) this.#rooms.show(meeting, isolationMessage(meeting, status));
    this.#rooms.setIsolated(state === 'away');
  }

  #outageMessage(meeting: MeetingRef): Message | undefined {
    return this.#clusterReach.isAway ? isolationMessage(meeting, 'degraded') : undefined;
  }

  #log(meeting: MeetingRef): TranscriptLog {
    return new TranscriptLog(meeting, {
      store: this.#store,
      outbox: this.#outbox,
      bus: this.#bus,
      observe: this.#observe,
      echo: (message, by) => this.#rooms.senders.echo(message, by),
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
        counts: this.#counts,
        outbox: this.#outbox,
        late: this.#late,
        remotes: this.#clusterReach.all,
        isIsolated: this.#clusterReach.isAway,
        isClosing: this.#closing !== undefined,
        viewers: this.#viewers,
        leaving: this.#leaving.signal,
        log: (meeting) => this.#log(meeting),
        outageMessage: (meeting) => this.#outageMessage(meeting),
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
          outageMessage: () => this.#outageMessage(meeting),
        };
        const session = new ViewerSession(connection, admission, context);
        this.#viewers.add(session);
        void connection.closed.then(() => this.#viewers.delete(session));
        void session.start(start);
        return session;
      },
      ingest: (connection, admission, meeting, source) => {
        const context = {
          log: this.#log(meeting),
          registry: this.#registry,
          recognizer: this.#recognizer,
          ledger: this.#ledger,
          grace: this.#grace,
          late: this.#late,
          connects: this.#connects,
          senders: this.#rooms.senders,
          limits: this.#limits,
          defaultFormat: { ...defaultFormat, ...this.#options.ingestDefaults },
          observe: this.#observe,
          outageMessage: () => this.#outageMessage(meeting),
        };
        const session = new SenderSession(connection, admission, context, source);
        this.#senders.add(session);
        void session.ended.then(() => {
          this.#senders.delete(session);
          if (session.source) this.#rooms.silence(meeting, session.source);
        });
        session.start();
        return session;
      },
    });
  }
}

/** Time that goodbyes may take. */
const farewellMs = 1_000;
/** Time that unheard audio may take to be safe on disk. */
const savingMs = 10_000;

/** A hub that closes waits only so long. */
const giveUp = () => {};
