/** What a session may do to an accepted socket. */
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import {
  type CloseWord,
  closeCodes,
  encode,
  type IngestDownstream,
  isRetryable,
  type SubscriberDownstream,
} from '@meetcast/protocol';
import type { WebSocket } from 'ws';
import type { Observe } from '../watch/observer.ts';

type Downstream = SubscriberDownstream | IngestDownstream;

/** Time a peer has to answer a close before its socket is ended. */
const closeTimeoutMs = 5_000;

/**
 * An accepted socket. Frames that are shared between viewers go straight to the stream: with compression off, `ws`
 * writes its own frames there at once too, so the order holds and nothing is copied or queued per viewer.
 */
export class Connection {
  readonly id = randomUUID();
  /** Resolves when the socket is gone. */
  readonly closed: Promise<void>;
  /** Called when unsent bytes have gone out. */
  ondrain: () => void = () => {};
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  readonly #observe: Observe;

  constructor(socket: WebSocket, stream: Duplex, observe: Observe) {
    this.#socket = socket;
    this.#stream = stream;
    this.#observe = observe;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    stream.on('drain', () => this.ondrain());
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Bytes that wait for the network. Less than the stream's own mark counts as sent: no drain would tell of its end. */
  get unsentBytes(): number {
    return this.#stream.writableNeedDrain ? this.#stream.writableLength : 0;
  }

  /** Sends bytes that are already WebSocket frames. */
  write(frames: Buffer): void {
    if (this.isOpen) this.#stream.write(frames);
  }

  send(message: Downstream): void {
    if (this.isOpen) this.#socket.send(encode(message));
  }

  /** Resolves when the unsent bytes have gone out, or never will. */
  async drained(): Promise<void> {
    if (!this.isOpen || this.unsentBytes === 0) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#stream.off('drain', done).off('close', done);
        resolve();
      };
      this.#stream.on('drain', done).on('close', done);
    });
  }

  /** Resolves when the peer has answered a ping, or the socket is gone. Reads meanwhile. */
  async answered(): Promise<void> {
    if (!this.isOpen) return;
    const question = Buffer.from(randomUUID());
    const wasPaused = this.isPaused;
    await new Promise<void>((resolve) => {
      const heard = (answer: Buffer) => {
        if (answer.equals(question)) done();
      };
      const done = () => {
        this.#socket.off('pong', heard).off('close', done);
        resolve();
      };
      this.#socket.on('pong', heard).on('close', done);
      this.#socket.ping(question);
      this.resume();
    });
    if (wasPaused) this.pause();
  }

  /** Stops reading: the peer's own buffers fill, and it waits. */
  pause(): void {
    this.#socket.pause();
  }

  get isPaused(): boolean {
    return this.#socket.isPaused;
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes as the table says, after an `error` message unless it ends well. Only the first call counts. */
  close(word: CloseWord, message = ''): void {
    if (!this.isOpen) return;
    if (word !== 'done') this.send({ type: 'error', code: word, message, retryable: isRetryable(word) });
    this.#observe({ type: 'closed', connection: this.id, word, message });
    this.#socket.resume(); // A paused socket would never read the peer's answer to the close.
    this.#socket.close(closeCodes[word].code, word);
    const ended = setTimeout(() => this.#socket.terminate(), closeTimeoutMs);
    this.#socket.once('close', () => clearTimeout(ended));
  }
}
