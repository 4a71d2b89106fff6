/** A WebSocket without a network: the hub's end is a stream on which the real `ws` stands, the test holds the other. */
import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex, type Writable } from 'node:stream';
import { Receiver, Sender } from 'ws';

/** What a network without any delay lets wait in a socket before it says that it is full. */
const socketBufferBytes = 16_384;

const opcodes = { text: 1, bytes: 2, close: 8, ping: 9, pong: 10 } as const;

/** A stream and whoever is at its other end. Nothing is copied, sent or timed: each side has what the other wrote at once. */
export function socketPair<Message extends Told>(): { stream: Duplex; client: ClientEnd<Message> } {
  const client = new ClientEnd<Message>();
  return { stream: client.stream, client };
}

/** What every message of the hub has. */
interface Told {
  readonly type: string;
}

/** The request with which a client asks for a WebSocket; its token is an ordinary header. */
export function upgradeRequest(url: string, token: string, stream: Duplex): IncomingMessage {
  const request = new IncomingMessage(stream as Socket);
  request.method = 'GET';
  request.url = url;
  request.headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
    authorization: `Bearer ${token}`,
  };
  return request;
}

/** A peer as the protocol wants it, unless it is told otherwise: answers pings and closes, and reads at once. */
export class ClientEnd<Message extends Told> {
  /** The hub's end. */
  readonly stream: Duplex;
  /** Every text that came, decoded if it is JSON. */
  readonly received: (Message | string)[] = [];
  /** The hub's close, as it was read. */
  closed: { readonly code: number; readonly reason: string } | undefined;
  /** Whether the hub has ended the link, with a close or without. */
  isGone = false;
  answersClose = true;
  /** Pings that came. */
  pings = 0;
  readonly #receiver: Writable;
  /** Writes of the hub that wait until this end reads on. */
  #unread: (() => void)[] = [];
  #isPaused = false;
  #isUpgraded = false;
  /** Pings that this end has not answered; undefined while it answers at once. */
  #unanswered: Buffer[] | undefined;

  constructor() {
    this.#receiver = this.#receive();
    this.stream = new Duplex({
      highWaterMark: socketBufferBytes,
      read() {},
      write: (bytes: Buffer, _encoding, done) => {
        const take = () => {
          this.#take(bytes);
          done();
        };
        if (this.#isPaused) this.#unread.push(take);
        else take();
      },
      final: (done) => {
        this.stream.push(null);
        done();
      },
    });
    this.stream.on('close', () => {
      this.isGone = true;
    });
  }

  get messages(): Message[] {
    return this.received.filter((message) => typeof message !== 'string');
  }

  of<T extends Message['type']>(type: T): Extract<Message, { type: T }>[] {
    return this.messages.filter((message): message is Extract<Message, { type: T }> => message.type === type);
  }

  /** Bytes that the hub was sent and has not read. */
  get unreadBytes(): number {
    return this.stream.readableLength;
  }

  /** Texts, messages as JSON, and audio: all in one packet. */
  send(...all: (string | object | Uint8Array)[]): void {
    this.#write(
      all.map((what) => {
        if (what instanceof Uint8Array) return frame(opcodes.bytes, Buffer.from(what));
        return frame(opcodes.text, Buffer.from(typeof what === 'string' ? what : JSON.stringify(what)));
      }),
    );
  }

  /** Says goodbye. */
  close(code = 1000): void {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16BE(code);
    this.#write([frame(opcodes.close, bytes)]);
  }

  /** Leaves pings unanswered from now on, or answers them. */
  answerPings(isAnswering: boolean): void {
    const unanswered = this.#unanswered ?? [];
    this.#unanswered = isAnswering ? undefined : [];
    this.#write(unanswered.map((data) => frame(opcodes.pong, data)));
  }

  /** Answers the oldest ping that it has left unanswered. */
  answerPing(): void {
    const [oldest] = this.#unanswered?.splice(0, 1) ?? [];
    if (oldest) this.#write([frame(opcodes.pong, oldest)]);
  }

  /** Is gone without a word. */
  vanish(): void {
    this.stream.destroy();
  }

  /** Reads no more: what the hub sends piles up at its end. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Reads what has piled up, and what comes. */
  resume(): void {
    this.#isPaused = false;
    const unread = this.#unread;
    this.#unread = [];
    for (const take of unread) take();
  }

  /** Reads one piece of what has piled up, and stays paused. */
  step(): void {
    this.#unread.shift()?.();
  }

  #receive(): Writable {
    const receiver = new Receiver({ isServer: false });
    receiver.on('message', (data: Buffer) => this.received.push(decoded(data.toString())));
    receiver.on('ping', (data: Buffer) => {
      this.pings += 1;
      if (this.#unanswered) this.#unanswered.push(data);
      else this.#write([frame(opcodes.pong, data)]);
    });
    receiver.on('conclude', (code: number, reason: Buffer) => {
      this.closed = { code, reason: reason.toString() };
      if (this.answersClose) this.close(code);
    });
    return receiver;
  }

  /** The first write answers the upgrade. */
  #take(bytes: Buffer): void {
    if (this.#isUpgraded && !this.#receiver.writableEnded) this.#receiver.write(bytes);
    this.#isUpgraded = true;
  }

  #write(frames: readonly Buffer[]): void {
    if (!this.stream.destroyed && !this.stream.readableEnded) this.stream.push(Buffer.concat(frames));
  }
}

/** As a client sends it: masked. */
function frame(opcode: number, data: Buffer): Buffer {
  return Buffer.concat(Sender.frame(data, { fin: true, opcode, mask: true, readOnly: true, rsv1: false }));
}

/** The bare `pong` of older clients is no JSON. */
function decoded<Message>(text: string): Message | string {
  return text.startsWith('{') ? (JSON.parse(text) as Message) : text;
}
