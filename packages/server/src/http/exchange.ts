/** A request and its answer, free of any framework: what Node's server and the web's `fetch` are both turned into. */

export interface HubRequest {
  readonly method: string;
  /** The request target as the client wrote it: path and query. */
  readonly target: string;
  header(name: string): string | undefined;
}

export interface HubResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Text, or pieces of it as they become known. */
  readonly body: string | AsyncIterable<string>;
}

export function json(body: unknown, status = 200): HubResponse {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(body),
  };
}

/** An error answer as RFC 9457 has it. `detail` says what to do. */
export function problem(
  status: number,
  code: string,
  title: string,
  detail: string,
  headers: Record<string, string> = {},
): HubResponse {
  return {
    status,
    headers: { 'content-type': 'application/problem+json; charset=utf-8', ...headers },
    body: JSON.stringify({ type: 'about:blank', title, status, code, detail }),
  };
}
