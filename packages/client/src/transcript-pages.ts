/** A meeting's stored finals, page by page over HTTP. */

import { type TranscriptFinal, TranscriptPage } from '@meetcast/protocol';
import * as sentences from './sentences.ts';

export interface PagesRequest {
  fetch: typeof fetch;
  address(query: { format: 'json'; after: number; limit: number }): string;
  /** Asked for each page: a long load may outlive a token. */
  token(): string;
  signal: AbortSignal;
  timeoutMs: number;
  /** The log that is wanted; another one throws. */
  epoch: string;
  /** The last entry that is wanted. */
  upTo: number;
}

const pageLimit = 200;

/** Yields the finals up to an entry, in order. Throws when a page cannot be had. */
export async function* transcriptPages(request: PagesRequest): AsyncGenerator<TranscriptFinal[]> {
  let after: number | null = 0;
  while (after !== null && after < request.upTo) {
    const page = await loadPage(request, after);
    if (page.epoch !== request.epoch) throw new Error(sentences.restartedAgain);
    yield page.segments.filter((final) => final.seq <= request.upTo);
    if (page.next !== null && page.next <= after) throw new Error(sentences.endlessPages);
    after = page.next;
  }
}

async function loadPage(request: PagesRequest, after: number): Promise<TranscriptPage> {
  const timeout = new AbortController();
  const abort = () => timeout.abort();
  const deadline = setTimeout(abort, request.timeoutMs);
  request.signal.addEventListener('abort', abort);
  try {
    // A browser's own `fetch` must not be called as a method of something else.
    const { fetch } = request;
    const response = await fetch(request.address({ format: 'json', after, limit: pageLimit }), {
      headers: { authorization: `Bearer ${request.token()}`, accept: 'application/json' },
      signal: timeout.signal,
    });
    if (!response.ok) throw new Error(sentences.hubAnswered(response.status));
    const page = TranscriptPage.safeParse(await response.json());
    if (page.success) return page.data;
    throw new Error(sentences.notATranscript);
  } finally {
    clearTimeout(deadline);
    request.signal.removeEventListener('abort', abort);
  }
}
