/** Node's own requests, and the web's, to the hub's exchange and back. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BodyTooLarge, type HubRequest, type HubResponse } from './exchange.ts';

export function fromNode(request: IncomingMessage, response: ServerResponse): HubRequest {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return {
    method: request.method ?? 'GET',
    target: targetText(request),
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    text: (maxBytes) => textOf(request, maxBytes),
    signal: gone.signal,
  };
}

/** What the client wrote. Frameworks that mount a handler under a path rewrite `url` and keep it in `originalUrl`. */
export function targetText(request: IncomingMessage): string {
  const original = 'originalUrl' in request ? request.originalUrl : undefined;
  return (typeof original === 'string' ? original : request.url) ?? '/';
}

type Body = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** A body's text, read no further than it may go. */
async function textOf(body: Body, maxBytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > maxBytes) throw new BodyTooLarge(`at most ${maxBytes} bytes are taken here`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

export async function toNode(
  answer: HubResponse,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(answer.status, { ...answer.headers, 'cache-control': 'no-store' });
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
    text: (maxBytes) => textOf((request.body as AsyncIterable<Uint8Array> | null) ?? [], maxBytes),
    signal: request.signal,
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
