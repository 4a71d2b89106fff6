/** Node's own requests, and the web's, to the hub's exchange and back. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { problemText } from '../lib/sentences.ts';
import { BodyRefused, type HubRequest, type HubResponse, headersOf } from './exchange.ts';

export function fromNode(request: IncomingMessage, response: ServerResponse): HubRequest {
  let gone: AbortController | undefined;
  return {
    method: request.method ?? 'GET',
    target: targetText(request),
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    text: (maxBytes) => nodeText(request, maxBytes),
    get signal() {
      if (!gone) {
        const leaving = new AbortController();
        if (response.closed) leaving.abort();
        else response.once('close', () => leaving.abort());
        gone = leaving;
      }
      return gone.signal;
    },
  };
}

/** What the client wrote. Frameworks that mount a handler under a path rewrite `url` and keep it in `originalUrl`. */
export function targetText(request: IncomingMessage): string {
  const original = 'originalUrl' in request ? request.originalUrl : undefined;
  return (typeof original === 'string' ? original : request.url) ?? '/';
}

/** What a framework's parser that came first made of the body, or the body itself. */
async function nodeText(request: IncomingMessage, maxBytes: number): Promise<string> {
  if (request.readableEnded && 'body' in request) return parsedText(request.body);
  try {
    // An iterator that is left would destroy the request, and with it the socket that the refusal is for.
    return await textOf(request.iterator({ destroyOnReturn: false }), maxBytes);
  } finally {
    request.resume(); // What was not read must not stand before the next request on this socket.
  }
}

function parsedText(body: unknown): string {
  if (Buffer.isBuffer(body)) return decoded([body]);
  return typeof body === 'string' ? body : (JSON.stringify(body) ?? '');
}

/** A body's text, read no further than it may go. */
async function textOf(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  maxBytes: number,
): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > maxBytes) throw new BodyRefused('too_large', problemText.bodyTooLarge(maxBytes));
    pieces.push(piece);
  }
  return decoded(pieces);
}

function decoded(pieces: Uint8Array[]): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces));
  } catch {
    throw new BodyRefused('bad_message', problemText.bodyNotUtf8);
  }
}

/** Sends an answer. Rejects when it cannot be sent whole: the client left, or the pieces broke off. */
export async function toNode(
  answer: HubResponse,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, body } = answer;
  if (typeof body === 'string') {
    const length = status === 204 ? {} : { 'content-length': Buffer.byteLength(body) };
    response.writeHead(status, { ...headersOf(answer, request.httpVersionMajor), ...length });
    return void response.end(request.method === 'HEAD' ? undefined : body);
  }
  const pieces = body[Symbol.asyncIterator]();
  try {
    response.writeHead(status, headersOf(answer, request.httpVersionMajor));
    if (request.method === 'HEAD') return void response.end();
    await pipeline(Readable.from(iterated(pieces), { highWaterMark: 1 }), response);
  } finally {
    await pieces.return?.();
  }
}

/** Without a `throw`: that a client left is no failure of what is read for it. */
const iterated = (pieces: AsyncIterator<string>): AsyncIterable<string> => ({
  [Symbol.asyncIterator]: () => ({
    next: () => pieces.next(),
    return: async () => (await pieces.return?.()) ?? { done: true, value: undefined },
  }),
});

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

export function toWeb(answer: HubResponse, request: Request): Response {
  const { status, body } = answer;
  const init = { status, headers: headersOf(answer, 1) };
  if (typeof body === 'string') {
    return new Response(request.method === 'HEAD' || status === 204 ? null : body, init);
  }
  const pieces = body[Symbol.asyncIterator]();
  if (request.method !== 'HEAD') return new Response(streamOf(pieces), init);
  pieces.return?.().catch(() => {}); // Nothing was read that could have failed.
  return new Response(null, init);
}

/** Reads a piece when it is asked for one, never ahead. */
function streamOf(pieces: AsyncIterator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done) return controller.close();
        controller.enqueue(encoder.encode(value));
      },
      async cancel() {
        await pieces.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
