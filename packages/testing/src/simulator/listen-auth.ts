/** Reads who calls: from the `Authorization` header, or from the subprotocols where a browser has to put it. */

import type { IncomingHttpHeaders } from 'node:http';

export interface Credentials {
  key: string;
  /** What to answer as `Sec-WebSocket-Protocol`, when the key came that way. */
  subprotocol: 'token' | 'bearer' | undefined;
}

export function credentialsOf(headers: IncomingHttpHeaders): Credentials | undefined {
  return fromAuthorization(headers.authorization) ?? fromSubprotocols(headers['sec-websocket-protocol']);
}

function fromAuthorization(header: string | undefined): Credentials | undefined {
  const [, key] = /^(?:token|bearer) +(\S+)$/iu.exec(header ?? '') ?? [];
  return key ? { key, subprotocol: undefined } : undefined;
}

function fromSubprotocols(header: string | undefined): Credentials | undefined {
  const [scheme, key] = (header ?? '').split(',').map((name) => name.trim());
  if (!key || (scheme !== 'token' && scheme !== 'bearer')) return undefined;
  return { key, subprotocol: scheme };
}
