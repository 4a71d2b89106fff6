/** A bare client of the simulator: what crosses the wire, unsoftened by an SDK. */

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { ServerMessage } from '../../src/simulator/listen-messages.ts';

export const rawQuery = 'model=nova-3&encoding=linear16&sample_rate=16000';

export interface Client {
  websocket: WebSocket;
  headers: IncomingHttpHeaders;
  messages: ServerMessage[];
  closed: Promise<{ code: number; reason: string }>;
}

interface Dial {
  query?: string;
  authorization?: string | undefined;
  protocols?: string[];
  path?: string;
}

const dial = (
  url: string,
  { query = rawQuery, path = '/v1/listen', protocols = [], ...rest }: Dial,
): WebSocket => {
  const authorization = 'authorization' in rest ? rest.authorization : 'Token key';
  const headers = authorization === undefined ? {} : { authorization };
  return new WebSocket(`${url}${path}?${query}`, protocols, { headers });
};

/** Resolves once the stream is open. */
export function open(url: string, options: Dial = {}): Promise<Client> {
  const websocket = dial(url, options);
  const messages: ServerMessage[] = [];
  let headers: IncomingHttpHeaders = {};
  websocket.on('upgrade', (response) => {
    headers = response.headers;
  });
  websocket.on('message', (payload) => messages.push(JSON.parse(String(payload)) as ServerMessage));
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    websocket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  );
  return new Promise((resolve, reject) => {
    websocket.on('error', reject);
    websocket.on('open', () => resolve({ websocket, headers, messages, closed }));
  });
}

/** Resolves with the answer of a handshake that fails. */
export function refused(
  url: string,
  options: Dial = {},
): Promise<{ status: number | undefined; headers: IncomingHttpHeaders; body: Record<string, string> }> {
  const websocket = dial(url, options);
  return new Promise((resolve, reject) => {
    websocket.on('error', reject);
    websocket.on('open', () => reject(new Error('the handshake was accepted')));
    websocket.on('unexpected-response', async (_, response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>;
      resolve({ status: response.statusCode, headers: response.headers, body });
    });
  });
}
