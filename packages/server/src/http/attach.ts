/** Puts a hub on a Node server that others listen on too. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { problem } from './exchange.ts';
import { toNode } from './node.ts';

export interface Attachable {
  ownsRequest(request: IncomingMessage): boolean;
  handleRequest(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
  handleUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): boolean;
}

/**
 * Answers the hub's own paths before any listener sees them, whoever listens first: another WebSocket library would
 * refuse a path it does not know. The returned function undoes it.
 */
export function attach(server: Server, hub: Attachable): () => void {
  let isAttached = true;
  const emit = server.emit;

  function emitOthers(this: Server, name: string, ...args: unknown[]): boolean {
    return (isAttached && isOurs(server, hub, name, args)) || Reflect.apply(emit, this, [name, ...args]);
  }

  // Node hands upgrades over only while somebody listens, and leaves an unanswered one open once anyone does.
  const endUnanswered = (_request: IncomingMessage, stream: Duplex) => {
    if (server.listenerCount('upgrade') === 1)
      stream.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n');
  };
  server.on('upgrade', endUnanswered);
  server.emit = emitOthers;
  return () => {
    isAttached = false;
    server.off('upgrade', endUnanswered);
    if (server.emit === emitOthers) server.emit = emit;
  };
}

/** Answers an event that is the hub's, and says whether it was. */
function isOurs(server: Server, hub: Attachable, name: string, args: unknown[]): boolean {
  if (name === 'upgrade') return hub.handleUpgrade(...(args as [IncomingMessage, Duplex, Buffer]));
  if (name !== 'request') return false;
  const [request, response] = args as [IncomingMessage, ServerResponse];
  if (hub.ownsRequest(request)) {
    void hub.handleRequest(request, response);
    return true;
  }
  if (server.listenerCount('request') > 0) return false;
  const answer = problem(404, 'not_found', 'Not found', 'there is nothing at this address');
  void toNode(answer, request, response);
  return true;
}
