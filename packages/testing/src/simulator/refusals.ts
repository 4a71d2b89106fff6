/** How Deepgram refuses a handshake: status, JSON body, `dg-error` and `dg-request-id`. */

import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

export interface Refusal {
  status: number;
  body: Record<string, string>;
}

/** The documented bodies; the real 503 spells its code `error_code`. */
const documented = {
  401: { err_code: 'INVALID_AUTH', err_msg: 'Invalid credentials.' },
  402: {
    err_code: 'ASR_PAYMENT_REQUIRED',
    err_msg:
      'Project does not have enough credits for an ASR request and does not have an overage agreement.',
  },
  403: {
    err_code: 'INSUFFICIENT_PERMISSIONS',
    err_msg: 'Project does not have access to the requested model.',
  },
  429: { err_code: 'TOO_MANY_REQUESTS', err_msg: 'Too many requests. Please try again later' },
  503: { error_code: 'Service Unavailable', err_msg: 'Please try again later' },
} as const;

export type RefusedStatus = keyof typeof documented;

export const refusal = (status: RefusedStatus): Refusal => ({ status, body: documented[status] });

export const badRequest = (errCode: string, reason: string): Refusal => ({
  status: 400,
  body: { err_code: errCode, err_msg: reason },
});

/** Any other address: which paths exist is all that is simulated of the rest of the API. */
export const notFound: Refusal = {
  status: 404,
  body: { err_code: 'NOT_FOUND', err_msg: 'Only WebSocket /v1/listen is simulated.' },
};

export const refusalHeaders = ({ body }: Refusal, requestId: string): Record<string, string> => ({
  'content-type': 'application/json',
  'dg-request-id': requestId,
  'dg-error': body.err_msg ?? '',
});

export const refusalBody = ({ body }: Refusal, requestId: string): string =>
  JSON.stringify({ ...body, request_id: requestId });

/** Answers an upgrade request that will not be one. */
export function refuseUpgrade(socket: Duplex, refused: Refusal, requestId: string): void {
  const body = refusalBody(refused, requestId);
  const headers = {
    ...refusalHeaders(refused, requestId),
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(
    ([name, value]) => `${name}: ${value.replaceAll(/[\r\n]/gu, ' ')}`,
  );
  const status = `HTTP/1.1 ${refused.status} ${STATUS_CODES[refused.status] ?? 'Refused'}`;
  socket.end([status, ...lines, '', body].join('\r\n'));
}
