/** Puts a hub on a Node server that others listen on too. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { problemText } from '../lib/sentences.ts';
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
  checkServer(server);
  let isAttached = true;
  const emit = server.emit;

  function emitOthers(this: Server, name: string, ...args: unknown[]): boolean {
    if (isAttached && isOurs(hub, name, args)) return true;
    if (Reflect.apply(emit, this, [name, ...args])) return true;
    return isAttached && name === 'request' && answerNotFound(...(args as [IncomingMessage, ServerResponse]));
  }

  server.emit = emitOthers;
  const standDown = standIn(server);
  return () => {
    isAttached = false;
    standDown();
    if (server.emit === emitOthers) server.emit = emit;
  };
}

/** What frameworks make is not the server itself: it is said where that is. */
function checkServer(given: unknown): void {
  const isGiven = (typeof given === 'object' && given !== null) || typeof given === 'function';
  const has = (name: string) => isGiven && typeof Reflect.get(given, name) === 'function';
  if (has('address') && has('emit')) return;
  const inner = isGiven && typeof Reflect.get(given, 'server') === 'object';
  if (inner) throw new TypeError('hub.attach needs the http.Server, not the app: hub.attach(app.server)');
  if (has('getHttpServer')) {
    throw new TypeError('hub.attach needs the http.Server, not the app: hub.attach(app.getHttpServer())');
  }
  const what = isGiven ? 'not the app' : `got ${String(given)}`;
  const app = has('callback') ? 'app.callback()' : 'app';
  throw new TypeError(
    `hub.attach needs the http.Server, ${what}: const server = createServer(${app}); hub.attach(server); server.listen(…)`,
  );
}

/** Answers an event that is the hub's, and says whether it was. */
function isOurs(hub: Attachable, name: string, args: unknown[]): boolean {
  if (name === 'upgrade') return hub.handleUpgrade(...(args as [IncomingMessage, Duplex, Buffer]));
  if (name !== 'request') return false;
  const [request, response] = args as [IncomingMessage, ServerResponse];
  if (!hub.ownsRequest(request)) return false;
  void hub.handleRequest(request, response);
  return true;
}

/** For a request that nobody listens to. */
function answerNotFound(request: IncomingMessage, response: ServerResponse): true {
  const answer = problem(404, 'not_found', problemText.noAddress);
  void toNode(answer, request, response);
  return true;
}

/** Known to every copy of this file that is loaded, so that the stand-ins of two hubs know each other. */
const isStandIn = Symbol.for('meetcast.standIn');

/**
 * Node hands upgrades over only while somebody listens, and leaves an unanswered one open once anyone does. So this
 * listens while nobody else does: it ends WebSockets, and gives back as requests the offers of HTTP/2 that some clients
 * make with every request. Only then: other libraries, too, answer what they do not know only when they are alone, and
 * would wait for us as we for them.
 */
function standIn(server: Server): () => void {
  const answer = (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    if (request.headers.upgrade?.toLowerCase() === 'websocket') return end(stream);
    stream.unshift(Buffer.concat([withoutUpgrade(request), head]));
    server.emit(stream instanceof TLSSocket ? 'secureConnection' : 'connection', stream);
  };
  answer[isStandIn] = true;
  const isForeign = (name: string | symbol, listener: object) =>
    name === 'upgrade' && !(isStandIn in listener && listener[isStandIn]);
  const stepIn = () => {
    if (server.listenerCount('upgrade') === 0) server.on('upgrade', answer);
  };
  const arrived = (name: string | symbol, listener: object) => {
    if (isForeign(name, listener)) server.off('upgrade', answer);
  };
  const left = (name: string | symbol, listener: object) => {
    if (isForeign(name, listener)) stepIn();
  };
  server.on('newListener', arrived);
  server.on('removeListener', left);
  stepIn();
  return () => {
    server.off('newListener', arrived);
    server.off('removeListener', left);
    answer[isStandIn] = false; // Its going is news to another hub's stand-in.
    server.off('upgrade', answer);
  };
}

function end(stream: Duplex): void {
  stream.on('error', () => stream.destroy());
  stream.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
}

/** The head of a request as it came, but for the header that made it an upgrade. */
function withoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== 'upgrade') lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
