/** A request and its answer, free of any framework: what Node's server and the web's `fetch` are both turned into. */
import { STATUS_CODES } from 'node:http';

export interface HubRequest {
  readonly method: string;
  /** The request target as the client wrote it: path and query. */
  readonly target: string;
  header(name: string): string | undefined;
  /** The body as text; rejects with `BodyRefused` when it has more bytes than that, or is no text. */
  text(maxBytes: number): Promise<string>;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

/** A request body that is not taken. `message` is safe to show. */
export class BodyRefused extends Error {
  override readonly name = 'BodyRefused';
  readonly why: 'too_large' | 'bad_message';

  constructor(why: BodyRefused['why'], message: string) {
    super(message);
    this.why = why;
  }
}

export interface HubResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Text, or pieces of it as they become known. Whoever takes the response reads the pieces to their end or calls
   * `return` on their iterator, even on one that was never read: a seat may hang on it.
   */
  readonly body: string | AsyncIterable<string>;
}

/** The headers to send. HTTP/2 knows no upgrade, and Node throws at the header. */
export function headersOf({ headers }: HubResponse, httpVersion: number): Record<string, string> {
  const { upgrade, ...others } = headers;
  const offer = upgrade !== undefined && httpVersion < 2 ? { upgrade } : {};
  return { 'cache-control': 'no-store', ...others, ...offer };
}

export function json(body: unknown, status = 200): HubResponse {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(body),
  };
}

/** An error answer as RFC 9457 has it: the title is that of the status. `detail` says what to do. */
export function problem(
  status: number,
  code: string,
  detail: string,
  headers: Record<string, string> = {},
): HubResponse {
  return {
    status,
    headers: { 'content-type': 'application/problem+json; charset=utf-8', ...headers },
    body: JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, code, detail }),
  };
}
