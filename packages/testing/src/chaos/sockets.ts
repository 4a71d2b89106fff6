/** The client's sockets by way of a proxy on this machine: the hub's name, path and certificate stay what they are. */

import { connect, isIP } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { OpenSocket } from '@meetcast/client';
import WebSocket from 'ws';
import type { ProxyTarget } from '../network/fault-proxy.ts';

// Types of `ws` do not know it: how long a polite close waits for its answer.
const options = { closeTimeout: 2_000, perMessageDeflate: false };

/** TLS goes from end to end: a fault hurts encrypted bytes, as it would out there. */
export const socketsThrough =
  (port: number): OpenSocket =>
  (url, protocols) => {
    const dial = url.startsWith('wss:') ? dialTls(port) : () => connect(port, '127.0.0.1');
    // It is called with options alone; its type has all the ways to call `connect`.
    return new WebSocket(url, protocols, { ...options, createConnection: dial as typeof connect });
  };

const dialTls =
  (port: number) =>
  ({ host = '', ...rest }: ConnectionOptions) =>
    connectTls({
      ...rest,
      path: undefined,
      host,
      servername: isIP(host) ? '' : host,
      socket: connect(port, '127.0.0.1'),
    });

/** Sockets straight to the hub. */
export const plainSockets: OpenSocket = (url, protocols) => new WebSocket(url, protocols, options);

/** Sockets of a sender that says it is another one, come back: the same session on a second connection. */
export const socketsAs =
  (open: OpenSocket, sessionId: string): OpenSocket =>
  (url, protocols) => {
    const socket = open(url, protocols);
    const send = socket.send.bind(socket);
    socket.send = (message) => send(typeof message === 'string' ? withSession(message, sessionId) : message);
    return socket;
  };

function withSession(text: string, sessionId: string): string {
  const message: unknown = JSON.parse(text);
  const isHandshake = typeof message === 'object' && message !== null && 'encoding' in message;
  return isHandshake ? JSON.stringify({ ...message, session_id: sessionId, resume: true }) : text;
}

/** Where the hub of an address listens. */
export function targetOf(url: string): ProxyTarget {
  const { protocol, hostname, port } = new URL(url);
  const isSecure = protocol === 'https:' || protocol === 'wss:';
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (isSecure ? 443 : 80) : Number(port) };
}
