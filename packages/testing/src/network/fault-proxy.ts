/** A TCP proxy whose link can be dropped, stalled, silent, slow, late or cut: a bad network, of which no protocol knows. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type Conditions, Lane } from './lane.ts';
import { resetSocket } from './reset.ts';

/** Each fault lasts until it is taken back, alone or with all others by `mend`. Bytes go on in order or not at all. */
export interface FaultProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  /** How many connections there are, silent ones included. */
  readonly connections: number;
  /** Ends every connection: in order, or with a reset. Who connects again gets through. */
  drop(how: 'fin' | 'rst'): void;
  /** As if nobody listened: resets who is there and who connects. Those that were dropped in order end so. */
  refuse(on: boolean): void;
  /** Nothing goes on, of new connections either; what was held goes on when it is over. */
  stall(on: boolean): void;
  /**
   * The connections of now are half open for ever: bytes are taken and go nowhere, and neither side hears of an end. New
   * ones are sound. Nothing takes it back: only a heartbeat tells.
   */
  silence(): void;
  /** So many bytes a second at most, in each direction of each connection; `Infinity` takes it back. */
  slow(bytesPerSecond: number): void;
  /** All bytes come so much later; 0 takes it back. */
  delay(ms: number): void;
  /** Ends one connection in mid-message: the one that would pass on more than so many bytes to its client. */
  cutAfter(bytes: number): void;
  /** The link is sound again, except for connections that are silent. */
  mend(): void;
  /** Resolves when every connection is gone. */
  close(): Promise<void>;
}

/** Where a proxy leads. */
export interface ProxyTarget {
  readonly port: number;
  /** Default: 127.0.0.1. */
  readonly host?: string;
}

const sound: Conditions = { bytesPerSecond: Number.POSITIVE_INFINITY, delayMs: 0, isStalled: false };

/** Listens on a free port of this machine alone. */
export async function openFaultProxy({ port, host = '127.0.0.1' }: ProxyTarget): Promise<FaultProxy> {
  const proxy = new TcpProxy({ port, host });
  await proxy.listen();
  return proxy;
}

class TcpProxy implements FaultProxy {
  readonly #target: Required<ProxyTarget>;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #conditions = sound;
  #isRefusing = false;
  /** Bytes that may still go to clients. */
  #untilCut = Number.POSITIVE_INFINITY;
  #port = 0;

  constructor(target: Required<ProxyTarget>) {
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
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  drop(how: 'fin' | 'rst'): void {
    for (const pair of this.#pairs) {
      if (how === 'fin') pair.end();
      else pair.reset();
    }
  }

  refuse(on: boolean): void {
    this.#isRefusing = on;
    if (!on) return;
    for (const pair of this.#pairs) if (!pair.isEnding) pair.reset();
  }

  stall(on: boolean): void {
    this.#change({ ...this.#conditions, isStalled: on });
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

  cutAfter(bytes: number): void {
    this.#untilCut = bytes;
  }

  mend(): void {
    this.#isRefusing = false;
    this.#untilCut = Number.POSITIVE_INFINITY;
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
    const server = connect({ ...this.#target, allowHalfOpen: true });
    const pair = new Pair(client, server, {
      conditions: () => this.#conditions,
      pass: (bytes) => this.#pass(bytes),
    });
    this.#pairs.add(pair);
    void pair.gone.then(() => this.#pairs.delete(pair));
  }

  /** How many of so many bytes may go to a client, before its connection is cut. */
  #pass(bytes: number): number {
    if (bytes <= this.#untilCut) {
      this.#untilCut -= bytes;
      return bytes;
    }
    const rest = this.#untilCut;
    this.#untilCut = Number.POSITIVE_INFINITY;
    return rest;
  }
}

interface Link {
  conditions(): Conditions;
  pass(bytes: number): number;
}

/** One client's connection, and the one made for it. */
class Pair {
  /** Resolves when both sockets are closed. */
  readonly gone: Promise<unknown>;
  readonly #sockets: readonly [Socket, Socket];
  readonly #lanes: readonly [Lane, Lane];
  #isSilent = false;
  #isEnding = false;

  constructor(client: Socket, server: Socket, { conditions, pass }: Link) {
    this.#sockets = [client, server];
    const up = new Lane(client, server, { conditions });
    const down = new Lane(server, client, { conditions, cut: { pass, end: () => this.end() } });
    this.#lanes = [up, down];
    this.gone = Promise.all([this.#watch(client, server), this.#watch(server, client)]).then(() => {
      for (const lane of this.#lanes) lane.stop();
    });
  }

  get isEnding(): boolean {
    return this.#isEnding;
  }

  silence(): void {
    this.#isSilent = true;
    for (const lane of this.#lanes) lane.silence();
  }

  hurry(): void {
    for (const lane of this.#lanes) lane.hurry();
  }

  end(): void {
    this.#isEnding = true;
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
