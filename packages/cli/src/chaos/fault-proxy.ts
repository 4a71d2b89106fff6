/** A TCP proxy whose link can be dropped, silent, slow or late: a bad network, of which no protocol knows. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { resetSocket } from '@meetcast/testing';
import { listenOn } from '../listening.ts';
import { type Conditions, Lane } from './lane.ts';

export interface FaultProxy {
  readonly port: number;
  /** How many connections there are, silent ones included. */
  readonly connections: number;
  /** Ends every connection: in order, or with a reset. Who connects again gets through. */
  drop(how: 'fin' | 'rst'): void;
  /** Resets everyone who connects, until mended. */
  refuse(): void;
  /**
   * The connections of now are half open for ever: bytes are taken and go nowhere, and neither side hears of an end. New
   * ones are sound.
   */
  silence(): void;
  /** So many bytes a second at most, in each direction of each connection. */
  slow(bytesPerSecond: number): void;
  /** All bytes come so much later, in order. */
  delay(ms: number): void;
  /** The link is sound again, except for connections that are silent already: of those only a heartbeat tells. */
  mend(): void;
  close(): Promise<void>;
}

export interface ProxyTarget {
  host: string;
  port: number;
}

const sound: Conditions = { bytesPerSecond: Number.POSITIVE_INFINITY, delayMs: 0 };

/** Listens on a free port of this machine alone. */
export async function openFaultProxy(target: ProxyTarget): Promise<FaultProxy> {
  const proxy = new TcpProxy(target);
  await proxy.listen();
  return proxy;
}

class TcpProxy implements FaultProxy {
  readonly #target: ProxyTarget;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #conditions = sound;
  #isRefusing = false;
  #port = 0;

  constructor(target: ProxyTarget) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  async listen(): Promise<void> {
    this.#port = await listenOn(this.#server, '127.0.0.1', 0);
  }

  drop(how: 'fin' | 'rst'): void {
    for (const pair of this.#pairs) {
      if (how === 'fin') pair.end();
      else pair.reset();
    }
  }

  refuse(): void {
    this.#isRefusing = true;
  }

  silence(): void {
    for (const pair of this.#pairs) pair.silence();
  }

  slow(bytesPerSecond: number): void {
    this.#change({ ...this.#conditions, bytesPerSecond });
  }

  delay(delayMs: number): void {
    this.#change({ ...this.#conditions, delayMs });
  }

  mend(): void {
    this.#isRefusing = false;
    this.#change(sound);
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.drop('rst');
    return closed;
  }

  #change(conditions: Conditions): void {
    this.#conditions = conditions;
    for (const pair of this.#pairs) pair.hurry();
  }

  #accept(client: Socket): void {
    if (this.#isRefusing) return resetSocket(client);
    const hub = connect({ ...this.#target, allowHalfOpen: true });
    const pair = new Pair(client, hub, () => this.#conditions);
    this.#pairs.add(pair);
    void pair.gone.then(() => this.#pairs.delete(pair));
  }
}

/** One client's connection, and the one made for it. */
class Pair {
  /** Resolves when both sockets are closed. */
  readonly gone: Promise<unknown>;
  readonly #sockets: readonly [Socket, Socket];
  readonly #lanes: readonly [Lane, Lane];
  #isSilent = false;

  constructor(client: Socket, hub: Socket, conditions: () => Conditions) {
    this.#sockets = [client, hub];
    this.#lanes = [new Lane(client, hub, conditions), new Lane(hub, client, conditions)];
    this.gone = Promise.all([this.#watch(client, hub), this.#watch(hub, client)]);
  }

  silence(): void {
    this.#isSilent = true;
    for (const lane of this.#lanes) lane.silence();
  }

  hurry(): void {
    for (const lane of this.#lanes) lane.hurry();
  }

  end(): void {
    for (const lane of this.#lanes) lane.silence();
    for (const socket of this.#sockets) socket.end();
  }

  reset(): void {
    for (const socket of this.#sockets) resetSocket(socket);
    for (const lane of this.#lanes) lane.stop();
  }

  /** A connection that breaks, breaks the other; one that ends, ends it, unless nobody is to hear of it. */
  #watch(socket: Socket, other: Socket): Promise<void> {
    socket.setNoDelay(true);
    socket.on('error', () => {
      if (!this.#isSilent) resetSocket(other);
    });
    return new Promise((resolve) => {
      socket.on('close', () => resolve());
    });
  }
}
