/** Sockets below every library: bytes that no HTTP client and no WebSocket client would send. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { resetSocket } from '@meetcast/testing';
import { onTestFinished } from 'vitest';

export type End = 'fin' | 'rst';

/** A TCP connection that keeps what it was told. */
export class RawSocket {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  readonly ended: Promise<End>;
  readonly #checks = new Set<() => void>();

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.setNoDelay(true);
    this.ended = new Promise((resolve) => {
      let end: End = 'fin';
      this.socket.on('error', () => {
        end = 'rst';
      });
      this.socket.on('close', () => resolve(end));
    });
    this.socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      for (const check of this.#checks) check();
    });
    onTestFinished(() => {
      this.socket.destroy();
    });
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  vanish(how: End): void {
    if (how === 'rst') resetSocket(this.socket);
    else this.socket.end();
  }

  /** What `find` finds in the bytes so far or to come; `undefined` if the connection ends without it. */
  async until<T>(find: (received: Buffer) => T | undefined): Promise<T | undefined> {
    const there = find(this.received);
    if (there !== undefined) return there;
    const arrived = new Promise<T>((resolve) => {
      const check = () => {
        const found = find(this.received);
        if (found === undefined) return;
        this.#checks.delete(check);
        resolve(found);
      };
      this.#checks.add(check);
    });
    return await Promise.race([arrived, this.ended.then(() => find(this.received))]);
  }

  /** The status of an HTTP answer. */
  async status(): Promise<number | undefined> {
    return await this.until((received) => {
      const match = /^HTTP\/1\.1 (\d{3}) [\s\S]*?\r\n\r\n/.exec(received.toString('latin1'));
      return match ? Number(match[1]) : undefined;
    });
  }
}

/** The head of a request whose target is sent as it is. */
export const requestHead = (target: string, headers: string[] = [], method = 'GET') =>
  [`${method} ${target} HTTP/1.1`, 'host: hub', ...headers, '', ''].join('\r\n');

export const upgradeHeaders = [
  'connection: Upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  `sec-websocket-key: ${Buffer.alloc(16, 7).toString('base64')}`,
];

interface FrameOptions {
  opcode?: number;
  fin?: boolean;
  reserved?: number;
  isMasked?: boolean;
  /** What the header says instead of the truth. */
  length?: number;
}

/** A client's WebSocket frame, correct unless told otherwise. */
export function frame(payload: string | Buffer, options: FrameOptions = {}): Buffer {
  const { opcode = 1, fin = true, reserved = 0, isMasked = true } = options;
  const body = Buffer.from(payload as string);
  const length = options.length ?? body.length;
  const head = [(fin ? 0x80 : 0) | (reserved << 4) | opcode];
  const mask = isMasked ? 0x80 : 0;
  if (length < 126) head.push(mask | length);
  else if (length < 65_536) head.push(mask | 126, length >> 8, length & 0xff);
  else {
    const wide = Buffer.alloc(8);
    wide.writeBigUInt64BE(BigInt(length));
    head.push(mask | 127, ...wide);
  }
  if (!isMasked) return Buffer.concat([Buffer.from(head), body]);
  const key = randomBytes(4);
  const masked = body.map((byte, index) => byte ^ (key[index % 4] ?? 0));
  return Buffer.concat([Buffer.from(head), key, masked]);
}

interface Frame {
  opcode: number;
  payload: Buffer;
}

/** The frames a server sent after its answer to the upgrade. */
function framesIn(received: Buffer): Frame[] {
  const frames: Frame[] = [];
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return frames;
  for (let at = headEnd + 4; at + 2 <= received.length; ) {
    const short = (received[at + 1] ?? 0) & 0x7f;
    if (at + (short === 126 ? 4 : short === 127 ? 10 : 2) > received.length) break;
    const length =
      short === 126
        ? received.readUInt16BE(at + 2)
        : short === 127
          ? Number(received.readBigUInt64BE(at + 2))
          : short;
    const from = at + (short === 126 ? 4 : short === 127 ? 10 : 2);
    if (from + length > received.length) break;
    frames.push({ opcode: (received[at] ?? 0) & 0x0f, payload: received.subarray(from, from + length) });
    at = from + length;
  }
  return frames;
}

/** A WebSocket of hand-made frames. */
export class RawWebSocket extends RawSocket {
  constructor(port: number, target: string, headers: string[] = []) {
    super(port);
    this.send(requestHead(target, [...upgradeHeaders, ...headers]));
  }

  get texts(): string[] {
    return framesIn(this.received).flatMap(({ opcode, payload }) =>
      opcode === 1 ? [payload.toString()] : [],
    );
  }

  text(message: object | string): void {
    this.send(frame(typeof message === 'string' ? message : JSON.stringify(message)));
  }

  binary(bytes: Buffer): void {
    this.send(frame(bytes, { opcode: 2 }));
  }

  /** The first JSON message of this type. */
  async message(type: string): Promise<string | undefined> {
    return await this.until(() => this.texts.find((text) => text.includes(`"type":"${type}"`)));
  }

  /** The code the hub closes with; `undefined` if the connection ends without one. */
  async closeCode(): Promise<number | undefined> {
    return await this.until((received) => {
      const close = framesIn(received).find(({ opcode }) => opcode === 8);
      return close && close.payload.length >= 2 ? close.payload.readUInt16BE(0) : undefined;
    });
  }
}
