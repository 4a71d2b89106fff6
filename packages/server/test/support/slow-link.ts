/** A connection over a network that takes bytes only when it is told to. */
import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import { type SubscriberDownstream, subprotocol } from '@meetcast/protocol';
import { Receiver, type WebSocket } from 'ws';
import { textFrame } from '../../src/bus/message.ts';
import { Connection } from '../../src/socket/connection.ts';

export class SlowLink {
  readonly connection: Connection;
  readonly events: SubscriberDownstream[] = [];
  readonly stream: Duplex;
  closedWith: number | undefined;
  /** Writes that wait, oldest first. */
  readonly #waiting: (() => void)[] = [];
  #isOpen = false;

  constructor() {
    const receiver = new Receiver({ isServer: false });
    receiver.on('message', (data: Buffer) => this.events.push(JSON.parse(data.toString())));
    this.stream = new Duplex({
      read() {},
      write: (bytes, _encoding, done) => {
        const take = () => {
          receiver.write(bytes);
          done();
        };
        if (this.#isOpen) take();
        else this.#waiting.push(take);
      },
    });
    this.connection = new Connection(this.#socket(), this.stream, () => {});
  }

  /** Takes the oldest write that waits. */
  async step(): Promise<void> {
    this.#waiting.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Takes everything, from now on at once. */
  async open(): Promise<void> {
    this.#isOpen = true;
    while (this.#waiting.length > 0) await this.step();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** As much of a WebSocket as a connection uses. */
  #socket(): WebSocket {
    const socket = Object.assign(new EventEmitter(), {
      OPEN: 1,
      readyState: 1,
      isPaused: false,
      protocol: subprotocol,
      send: (text: string) => this.stream.write(textFrame(text)),
      pause: () => {},
      resume: () => {},
      terminate: () => {},
      close: (code: number) => {
        this.closedWith = code;
        socket.readyState = 3;
        socket.emit('close');
      },
    });
    return socket as unknown as WebSocket;
  }
}
