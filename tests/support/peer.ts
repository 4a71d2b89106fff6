/** One WebSocket to a hub, and everything that came out of it. */
import {
  type Decoded,
  decodeIngestDownstream,
  decodeSubscriberDownstream,
  type IngestDownstream,
  type SubscriberDownstream,
} from '@meetcast/protocol';
import { resetSocket } from '@meetcast/testing';
import { WebSocket } from 'ws';

export type Downstream = SubscriberDownstream | IngestDownstream;
export type MessageOf<Type extends Downstream['type']> = Extract<Downstream, { type: Type }>;

export interface Closing {
  code: number;
  reason: string;
}

interface Waiter {
  check(message: Downstream): void;
  fail(error: Error): void;
}

export class Peer {
  readonly ws: WebSocket;
  /** Every message, in the order of arrival. */
  readonly messages: Downstream[] = [];
  /** Frames that are none of the protocol's: a hub must send none. */
  readonly undecodable: string[] = [];
  /** Every byte of every frame, for whoever must find none of somebody else's. */
  readonly bytes: Buffer[] = [];
  /** Resolves when the socket is open; rejects with the HTTP status when the upgrade is refused. */
  readonly opened: Promise<void>;
  readonly closed: Promise<Closing>;
  readonly #waiters = new Set<Waiter>();
  #closing: Closing | undefined;

  constructor(
    url: string,
    protocols: string[] = [],
    decode: (text: string) => Decoded<Downstream> = decodeSubscriberDownstream,
  ) {
    this.ws = new WebSocket(url, protocols, { perMessageDeflate: false });
    this.opened = new Promise((resolve, reject) => {
      this.ws.once('open', resolve);
      this.ws.once('error', reject);
    });
    this.opened.catch(() => {});
    this.closed = new Promise((resolve) => {
      this.ws.once('close', (code, reason) => {
        this.#closing = { code, reason: reason.toString() };
        for (const { fail } of this.#waiters) fail(this.#lost());
        resolve(this.#closing);
      });
    });
    this.ws.on('error', () => {});
    this.ws.on('message', (data: Buffer) => this.#received(data, decode));
  }

  /** How the socket closed, if it has. */
  get closing(): Closing | undefined {
    return this.#closing;
  }

  /** The first message of this type, here or to come, that is as wanted; rejects when the socket closes without one. */
  until<Type extends Downstream['type']>(
    type: Type,
    isWanted: (message: MessageOf<Type>) => boolean = () => true,
  ): Promise<MessageOf<Type>> {
    const matches = (message: Downstream): message is MessageOf<Type> =>
      message.type === type && isWanted(message as MessageOf<Type>);
    const there = this.messages.find(matches);
    if (there) return Promise.resolve(there);
    if (this.#closing) return Promise.reject(this.#lost());
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        check: (message) => {
          if (!matches(message)) return;
          this.#waiters.delete(waiter);
          resolve(message);
        },
        fail: reject,
      };
      this.#waiters.add(waiter);
    });
  }

  of<Type extends Downstream['type']>(type: Type): MessageOf<Type>[] {
    return this.messages.filter((message): message is MessageOf<Type> => message.type === type);
  }

  status(status: string): Promise<MessageOf<'status'>> {
    return this.until('status', (message) => message.status === status);
  }

  send(message: object | string): void {
    this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Leaves without a goodbye. */
  vanish(how: 'fin' | 'rst' = 'fin'): void {
    const { _socket: socket } = this.ws as unknown as { _socket: import('node:net').Socket };
    if (how === 'rst') resetSocket(socket);
    else this.ws.terminate();
  }

  #received(data: Buffer, decode: (text: string) => Decoded<Downstream>): void {
    this.bytes.push(data);
    const text = data.toString();
    const decoded = decode(text);
    if (!decoded.ok) return void this.undecodable.push(`${decoded.problem}: ${text}`);
    this.messages.push(decoded.message);
    for (const { check } of this.#waiters) check(decoded.message);
  }

  #lost(): Error {
    const { code, reason } = this.#closing ?? { code: 0, reason: '' };
    const said = this.messages.map((message) => JSON.stringify(message)).slice(-5);
    return new Error(`the socket closed with ${code} ${reason} after\n${said.join('\n')}`);
  }
}

/** A viewer's socket. */
export class Viewer extends Peer {
  get finals(): MessageOf<'transcript.final'>[] {
    return this.of('transcript.final');
  }

  /** The `seq` of every logged entry, as they came. */
  get seqs(): number[] {
    return this.messages.flatMap((message) =>
      'seq' in message && message.type !== 'connected' && message.seq !== undefined ? [message.seq] : [],
    );
  }
}

/** A sender's socket. */
export class Sender extends Peer {
  constructor(url: string, protocols: string[] = []) {
    super(url, protocols, decodeIngestDownstream);
  }

  /** Sends PCM in frames: all at once, or one each `everyMs`. */
  async say(pcm: Buffer, { frameBytes = 4_096, everyMs = 0 } = {}): Promise<void> {
    const from = performance.now();
    for (let at = 0, frame = 1; at < pcm.length; at += frameBytes, frame += 1) {
      if (this.ws.readyState !== WebSocket.OPEN) return;
      this.ws.send(pcm.subarray(at, at + frameBytes));
      const waitMs = from + frame * everyMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      else if (everyMs > 0) await new Promise((resolve) => setImmediate(resolve)); // Late, yet frame after frame.
    }
  }

  /** Resolves once the hub has acknowledged the audio up to here. */
  received(ms: number): Promise<MessageOf<'ack'>> {
    return this.until('ack', ({ received_ms }) => received_ms >= Math.floor(ms));
  }

  /** Says that there is no more, and resolves with how the hub closed. */
  async finalize(): Promise<Closing> {
    this.send({ type: 'finalize' });
    return await this.closed;
  }
}
