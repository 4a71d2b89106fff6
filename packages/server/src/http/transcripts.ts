/** A meeting's finals: paged as JSON, or whole as text, SubRip and WebVTT. */
import type { TranscriptPage } from '@meetcast/protocol';
import { expectedText } from '../lib/sentences.ts';
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
  const { query } = call;
  const format = query.get('format') ?? 'json';
  if (!isFormat(format)) {
    return invalid('format', expectedText.format(transcriptFormats.join(', ')));
  }
  const after = numberIn(query, 'after', { absent: 0, least: 0, most: Number.MAX_SAFE_INTEGER });
  if (typeof after === 'string') return invalid('after', after);
  const absent = format === 'json' ? defaultPage : everything;
  const limit = numberIn(query, 'limit', { absent, least: 1, most: largestPage });
  if (typeof limit === 'string') return invalid('limit', limit);
  if (format === 'json') return json(await page(call, { after, limit }));
  const { contentType } = textFormats[format];
  const body = asText(call, format, { after, limit });
  return { status: 200, headers: { 'content-type': contentType }, body };
}

const isFormat = (text: string): text is TranscriptFormat =>
  (transcriptFormats as readonly string[]).includes(text);

/** Finals from after a `seq` on, so many at most. */
interface Portion {
  readonly after: number;
  readonly limit: number;
}

async function page({ meeting, context }: MeetingCall, { after, limit }: Portion): Promise<TranscriptPage> {
  const { epoch, seq } = await context.store.head(meeting);
  const finals = await context.store.transcript(meeting, after, limit + 1);
  // A viewer goes on after `seq`: what was said since would come twice.
  const until = finals.filter((final) => final.seq <= seq);
  const segments = until.slice(0, limit);
  const next = until.length > limit ? (segments.at(-1)?.seq ?? null) : null;
  return { meeting_id: meeting.id, epoch, seq, segments, next };
}

/** A piece for each page that was read. */
async function* asText(
  call: MeetingCall,
  format: Exclude<TranscriptFormat, 'json'>,
  portion: Portion,
): AsyncGenerator<string> {
  const { meeting, context } = call;
  const { head, writer } = textFormats[format];
  const write = writer();
  try {
    yield head;
    for await (const finals of inTimeOrder(pagesOf(call, portion))) {
      yield finals.map(write).join('');
    }
  } catch (error) {
    context.observe({ type: 'error', stage: 'store', meeting, error });
    throw error; // The answer must not look whole.
  }
}

/** A meeting's finals in the order of the log, read a page at a time. */
async function* pagesOf({ meeting, context }: MeetingCall, { after, limit }: Portion) {
  let from = after;
  for (let left = limit; left > 0; ) {
    const finals = await context.store.transcript(meeting, from, Math.min(left, readAtATime));
    const last = finals.at(-1);
    if (!last) return;
    yield finals;
    from = last.seq;
    left -= finals.length;
  }
}
