/** The part of the standard WebSocket that this package uses: browsers' and `ws` both have it. */

export interface SocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  // `never`, because a handler of a native WebSocket is typed with its own event class.
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
  /** Ends the connection without a close handshake, where the runtime can (`ws` can, browsers cannot). */
  terminate?(): void;
}

/** Starts connecting. May throw when the address can never work, such as `ws:` from an `https:` page. */
export type OpenSocket = (url: string, protocols: string[]) => SocketLike;

export interface SocketHandlers {
  opened(): void;
  text(text: string): void;
  closed(code: number, reason: string): void;
  failed(message: string): void;
}

export function listen(socket: SocketLike, handlers: SocketHandlers): void {
  socket.onopen = () => handlers.opened();
  socket.onmessage = (event: { data: unknown }) => {
    if (typeof event.data === 'string') handlers.text(event.data);
  };
  socket.onclose = (event: { code: number; reason: string }) => handlers.closed(event.code, event.reason);
  // Browsers keep the cause to themselves; `ws` tells it.
  socket.onerror = (event: { message?: string }) => handlers.failed(event.message ?? '');
}

/** Hears no more of a socket; its late errors, which `ws` would throw without a listener, are nobody's. */
export function unlisten(socket: SocketLike): void {
  socket.onopen = null;
  socket.onmessage = null;
  socket.onclose = null;
  socket.onerror = () => {};
}

/** Drops a socket at once: a dead peer answers no close handshake. */
export function drop(socket: SocketLike): void {
  if (socket.terminate) socket.terminate();
  else socket.close();
}
