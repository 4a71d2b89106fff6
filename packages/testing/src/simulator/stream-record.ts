/** What the simulator remembers of one stream, for a test to look at. */

import type { IncomingHttpHeaders } from 'node:http';

export interface StreamRecord {
  readonly requestId: string;
  /** As sent, without the question mark. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly open: boolean;
  readonly audioBytes: number;
  readonly audioSeconds: number;
  /** Every text frame, in order. */
  readonly texts: readonly string[];
}

/** A handshake that did not become a stream. */
export interface RefusedHandshake {
  readonly requestId: string;
  readonly status: number;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** The stream's own side of its record. */
export interface OpenRecord extends StreamRecord {
  open: boolean;
  audioBytes: number;
  audioSeconds: number;
  readonly texts: string[];
}

export const openRecord = (requestId: string, url: string, headers: IncomingHttpHeaders): OpenRecord => ({
  requestId,
  query: url.split('?').slice(1).join('?'),
  headers,
  open: true,
  audioBytes: 0,
  audioSeconds: 0,
  texts: [],
});
