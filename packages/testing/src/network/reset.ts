/** Ends a TCP connection with a reset, whatever it is doing. */
import type { Socket } from 'node:net';

/**
 * Node refuses a reset while the system is being told of an end (`end()` in the same turn, or the other side's): no
 * `close` follows, and the socket keeps its process from ending. So that one waits for its turn. Of one that was never
 * connected nobody has to be told.
 */
export function resetSocket(socket: Socket): void {
  const { connecting, destroyed, writableEnded, writableFinished, writableLength } = socket;
  if (connecting) return void socket.destroy();
  const isEnding = !destroyed && writableEnded && !writableFinished && writableLength === 0;
  if (isEnding) setImmediate(() => resetSocket(socket));
  else socket.resetAndDestroy();
}
