/** The socket under a Deepgram stream: `ws`, kept in hand so that refusals and back-pressure can be seen. */
import type { DeepgramTransport, DeepgramTransportMessage } from '@deepgram/sdk';
import { WebSocket } from 'ws';
import { RecognizerError } from '../lib/errors.ts';
import { deepgramText } from '../lib/sentences.ts';

/** Unsent bytes past which a writer should wait, and below which it may go on. */
const highWaterBytes = 256 * 1024;
const lowWaterBytes = 64 * 1024;

/** Handshake refusals that the same request may get past later. */
const retryableStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);

export interface Lost {
  readonly code: number;
  readonly reason: string;
}

/** A `ws` socket in the shape the SDK asks of a transport. */
export class DeepgramSocket implements DeepgramTransport {
  /** Rejects with a RecognizerError that names the status and Deepgram's own words if the handshake is refused. */
  readonly opened: Promise<void>;
  readonly #socket: WebSocket;
  #unsentBytes = 0;
  #waiting: (() => void)[] = [];

  constructor(url: string, headers: Record<string, string>, timeoutMs: number) {
    this.#socket = new WebSocket(url, { headers, handshakeTimeout: timeoutMs, perMessageDeflate: false });
    this.opened = new Promise((resolve, reject) => {
      this.#socket.once('open', resolve);
      this.#socket.once('error', (error) => reject(unreachable(error)));
      this.#socket.once('unexpected-response', (_request, response) => {
        response.resume();
        reject(refused(response.statusCode ?? 0, response.headers['dg-error']));
        this.#socket.terminate();
      });
    });
    this.#socket.on('error', () => {}); // What it means follows as `close`, or rejects `opened`.
    this.#socket.on('close', () => this.#release());
  }

  /** A promise to wait for when too much is unsent. */
  get room(): Promise<void> | undefined {
    if (this.#unsentBytes < highWaterBytes || !this.isOpen()) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  send(data: DeepgramTransportMessage): void {
    if (data instanceof Blob) throw new TypeError('a Blob cannot be sent here');
    const bytes = typeof data === 'string' ? data.length : data.byteLength;
    this.#unsentBytes += bytes;
    this.#socket.send(data, () => {
      this.#unsentBytes -= bytes;
      if (this.#unsentBytes <= lowWaterBytes) this.#release();
    });
  }

  onOpen(listener: () => void): void {
    this.#socket.on('open', listener);
  }

  onMessage(listener: (message: DeepgramTransportMessage) => void): void {
    this.#socket.on('message', (data, isBinary) => {
      if (!isBinary) listener(data.toString());
    });
  }

  onError(listener: (error: Error) => void): void {
    this.#socket.on('error', listener);
  }

  onClose(listener: (event: Lost) => void): void {
    this.#socket.on('close', (code, reason) => listener({ code, reason: reason.toString() }));
  }

  isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  close(): void {
    this.#socket.close();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function refused(status: number, detail: string | string[] | undefined): RecognizerError {
  const message = deepgramText.refused(status, detail === undefined ? undefined : String(detail));
  return new RecognizerError(message, { retryable: retryableStatuses.has(status), code: status });
}

const unreachable = (error: Error): RecognizerError =>
  new RecognizerError(deepgramText.unreachable(error.message), { retryable: true, cause: error });
