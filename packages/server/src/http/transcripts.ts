/** A meeting's finals: paged as JSON, or whole as text, SubRip and WebVTT. */
import type { TranscriptPage } from '@meetcast/protocol';
import type { MeetingRef } from '../lib/meeting.ts';
import { expectedText } from '../lib/sentences.ts';
import type { Store } from '../store/store.ts';
import { invalid, type MeetingCall, numberIn } from './endpoint.ts';
import { type HubResponse, json } from './exchange.ts';
import { inTimeOrder } from './in-time-order.ts';
import { type TranscriptFormat, textFormats, transcriptFormats } from './transcript-formats.ts';

const defaultPage = 100;
const largestPage = 1_000;
const everything = Number.POSITIVE_INFINITY;
/** Finals read at a time while a transcript is written. */
const readAtATime = 500;

export async function transcript(call: MeetingCall): Promise<HubResponse> {
  const { meeting, query, context } = call;
  const format = query.get('format') ?? 'json';
  if (!isFormat(format)) {
    return invalid('format', expectedText.format(transcriptFormats.join(', ')));
  }
  const after = numberIn(query, 'after', 0, 0, Number.MAX_SAFE_INTEGER);
  if (typeof after === 'string') return invalid('after', after);
  const limit = numberIn(query, 'limit', format === 'json' ? defaultPage : everything, 1, largestPage);
  if (typeof limit === 'string') return invalid('limit', limit);
  if (format === 'json') return json(await page(meeting, after, limit, context.store));
  const { contentType } = textFormats[format];
  return { status: 200, headers: { 'content-type': contentType }, body: asText(call, format, after, limit) };
}

const isFormat = (text: string): text is TranscriptFormat =>
  (transcriptFormats as readonly string[]).includes(text);

async function page(
  meeting: MeetingRef,
  after: number,
  limit: number,
  store: Store,
): Promise<TranscriptPage> {
  const { epoch, seq } = await store.head(meeting);
  const finals = await store.transcript(meeting, after, limit + 1);
  // A viewer goes on after `seq`: what was said since would come twice.
  const until = finals.filter((final) => final.seq <= seq);
  const segments = until.slice(0, limit);
  const next = until.length > limit ? (segments.at(-1)?.seq ?? null) : null;
  return { meeting_id: meeting.id, epoch, seq, segments, next };
}

/** A piece for each page that was read. */
async function* asText(
  { meeting, context }: MeetingCall,
  format: Exclude<TranscriptFormat, 'json'>,
  after: number,
  limit: number,
): AsyncGenerator<string> {
  const { head, writer } = textFormats[format];
  const write = writer();
  try {
    yield head;
    for await (const finals of inTimeOrder(pagesOf(meeting, after, limit, context.store))) {
      yield finals.map(write).join('');
    }
  } catch (error) {
    context.observe({ type: 'error', stage: 'store', meeting, error });
    throw error; // The answer must not look whole.
  }
}

/** A meeting's finals in the order of the log, read a page at a time. */
async function* pagesOf(meeting: MeetingRef, after: number, limit: number, store: Store) {
  let from = after;
  for (let left = limit; left > 0; ) {
    const finals = await store.transcript(meeting, from, Math.min(left, readAtATime));
    const last = finals.at(-1);
    if (!last) return;
    yield finals;
    from = last.seq;
    left -= finals.length;
  }
}
