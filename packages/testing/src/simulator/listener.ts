/** A port on 127.0.0.1 that can be left and come back to. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { freePort } from '../network/free-port.ts';
import { resetSocket } from '../network/reset.ts';

export type Upgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => void;

/** listening ⇄ away ──▶ closed */
type State =
  | { name: 'listening'; server: Server }
  | { name: 'away'; back: NodeJS.Timeout | undefined }
  | { name: 'closed' };

export class Listener {
  readonly #answer: RequestListener;
  readonly #upgrade: Upgrade;
  readonly #sockets = new Set<Socket>();
  #state: State = { name: 'away', back: undefined };
  #port = 0;

  constructor(answer: RequestListener, upgrade: Upgrade) {
    this.#answer = answer;
    this.#upgrade = upgrade;
  }

  get port(): number {
    return this.#port;
  }

  /** On this port, or on the one it had before. */
  async listen(port: number = this.#port): Promise<void> {
    if (this.#state.name !== 'away') return;
    const server = createServer(this.#answer);
    server.on('connection', (socket) => this.#track(socket));
    server.on('upgrade', (request, _, head) => this.#upgrade(request, request.socket, head));
    this.#enter({ name: 'listening', server });
    this.#port = port === 0 ? await freePort() : port;
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
  }

  /** Refuses connections and resets the open ones, for a while or until `listen`. */
  leave(forMs: number | undefined): void {
    if (this.#state.name === 'closed') return;
    const back = forMs === undefined ? undefined : setTimeout(() => this.#return(), forMs);
    this.#enter({ name: 'away', back });
    for (const socket of this.#sockets) resetSocket(socket);
  }

  async close(): Promise<void> {
    const server = this.#state.name === 'listening' ? this.#state.server : undefined;
    this.#enter({ name: 'closed' });
    const closed = server ? new Promise((resolve) => server.once('close', resolve)) : undefined;
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** The port may have been taken meanwhile: then the simulator simply stays away. */
  #return(): void {
    this.listen().catch(() => this.leave(undefined));
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #enter(next: State): void {
    if (this.#state.name === 'listening') this.#state.server.close();
    if (this.#state.name === 'away') clearTimeout(this.#state.back);
    this.#state = next;
  }
}
