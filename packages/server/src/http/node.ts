/** Node's own requests, and the web's, to the hub's exchange and back. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { HubRequest, HubResponse } from './exchange.ts';

export function fromNode(request: IncomingMessage): HubRequest {
  return {
    method: request.method ?? 'GET',
    // Frameworks that mount a handler under a path rewrite `url` and keep what the client wrote here.
    target:
      ('originalUrl' in request && typeof request.originalUrl === 'string'
        ? request.originalUrl
        : request.url) ?? '/',
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
  };
}

export async function toNode(
  answer: HubResponse,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { upgrade, ...headers } = answer.headers;
  // HTTP/2 knows no upgrade, and Node throws at the header.
  const offer = upgrade !== undefined && request.httpVersionMajor < 2 ? { upgrade } : {};
  response.writeHead(answer.status, { ...headers, ...offer, 'cache-control': 'no-store' });
  if (request.method === 'HEAD') return void response.end();
  if (typeof answer.body === 'string') return void response.end(answer.body);
  await pipeline(Readable.from(answer.body), response);
}

export function fromWeb(request: Request): HubRequest {
  const origin = /^[a-z]+:\/\/[^/?#]*/i;
  return {
    method: request.method,
    target: request.url.replace(origin, '') || '/',
    header: (name) => request.headers.get(name) ?? undefined,
  };
}

export function toWeb({ status, headers, body }: HubResponse, request: Request): Response {
  const init = { status, headers: { ...headers, 'cache-control': 'no-store' } };
  if (request.method === 'HEAD') return new Response(null, init);
  return new Response(typeof body === 'string' ? body : streamOf(body), init);
}

function streamOf(pieces: AsyncIterable<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const iterator = pieces[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) return controller.close();
      controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}
