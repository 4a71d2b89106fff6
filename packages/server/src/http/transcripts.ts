/** A meeting's finals: paged as JSON, or whole as text, SubRip and WebVTT. */
import type { TranscriptFinal, TranscriptPage } from '@meetcast/protocol';
import type { MeetingRef } from '../meeting.ts';
import type { Store } from '../store/store.ts';
import { type TranscriptFormat, textFormats, transcriptFormats } from '../transcript-formats.ts';
import { invalid, type MeetingCall, numberIn } from './endpoint.ts';
import { type HubResponse, json } from './exchange.ts';

const defaultPage = 100;
const largestPage = 1_000;
/** Finals read at a time while a transcript is written. */
const readAtATime = 500;

export async function transcript({ meeting, query, context: { store } }: MeetingCall): Promise<HubResponse> {
  const format = query.get('format') ?? 'json';
  if (!isFormat(format)) {
    return invalid('format', `"${format.slice(0, 40)}" is none of ${transcriptFormats.join(', ')}`);
  }
  const after = numberIn(query, 'after', 0, 0, Number.MAX_SAFE_INTEGER);
  if (typeof after === 'string') return invalid('after', after);
  if (format !== 'json') return { status: 200, ...asText(meeting, format, after, store) };
  const limit = numberIn(query, 'limit', defaultPage, 1, largestPage);
  if (typeof limit === 'string') return invalid('limit', limit);
  return json(await page(meeting, after, limit, store));
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
  const segments = finals.slice(0, limit);
  const next = finals.length > limit ? (segments.at(-1)?.seq ?? null) : null;
  return { meeting_id: meeting.id, epoch, seq, segments, next };
}

function asText(meeting: MeetingRef, format: Exclude<TranscriptFormat, 'json'>, after: number, store: Store) {
  const { contentType, head, segment } = textFormats[format];
  async function* body() {
    yield head;
    let number = 0;
    for await (const final of finalsOf(meeting, after, store)) {
      number += 1;
      yield segment(final, number);
    }
  }
  return { headers: { 'content-type': contentType }, body: body() };
}

/** A meeting's finals in order, read a page at a time. */
async function* finalsOf(meeting: MeetingRef, after: number, store: Store): AsyncGenerator<TranscriptFinal> {
  for (let from = after; ; ) {
    const finals = await store.transcript(meeting, from, readAtATime);
    yield* finals;
    const last = finals.at(-1);
    if (!last) return;
    from = last.seq;
  }
}
