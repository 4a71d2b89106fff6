/** What the HTTP addresses of a tenant's meetings take and give: lists, searches, log pages, posted events. */
import * as z from 'zod/mini';
import { Count, Instant, LoggedEvent, Ms, Seq, TranscriptFinal } from './events.ts';
import { Source, SourceName } from './identity.ts';

/** A meeting in a list. `ended_at` is `null` while it goes on. */
export const MeetingSummary = z.object({
  meeting_id: z.string(),
  epoch: z.string(),
  seq: Count,
  title: z.nullable(z.string()),
  started_at: Instant,
  ended_at: z.nullable(Instant),
  languages: z.array(z.string()),
  sources: z.array(Source),
});
export type MeetingSummary = z.infer<typeof MeetingSummary>;

/** A tenant's meetings, newest first; `next` is the `after` of the following page, or `null` at the end. */
export const MeetingList = z.object({ meetings: z.array(MeetingSummary), next: z.nullable(z.string()) });
export type MeetingList = z.infer<typeof MeetingList>;

/** A final with every word that was looked for. `highlights` are UTF-16 offsets of those words in `excerpt`. */
export const SearchHit = z.object({
  meeting_id: z.string(),
  segment: TranscriptFinal,
  excerpt: z.string(),
  highlights: z.array(z.tuple([Count, Count])),
});

/** What was found, newest meeting first; `next` as in a list. */
export const SearchPage = z.object({
  query: z.string(),
  hits: z.array(SearchHit),
  next: z.nullable(z.string()),
});
export type SearchPage = z.infer<typeof SearchPage>;

/**
 * The answer to a long poll: log entries in order, none if none came in time. `next` is the `since` of the following
 * poll; `seq` is the log's head, and `recovered` is what it is on the socket.
 */
export const EventPage = z.object({
  meeting_id: z.string(),
  epoch: z.string(),
  seq: Count,
  recovered: z.nullable(z.boolean()),
  events: z.array(LoggedEvent),
  next: Count,
});
export type EventPage = z.infer<typeof EventPage>;

const PostedMs = Ms.check(z.maximum(Number.MAX_SAFE_INTEGER));

/** Some databases keep no NUL in a text. */
const withoutNul = z.refine<string>((text) => !text.includes('\0'), 'expected no NUL character');

const postedSegment = {
  text: z.string().check(z.maxLength(5_000), withoutNul),
  start_ms: PostedMs,
  end_ms: PostedMs,
  segment_no: z.optional(Seq),
  speaker: z.optional(z.string().check(z.maxLength(256), withoutNul)),
  confidence: z.optional(z.number()),
  meta: z.optional(
    z.object({
      source: z.optional(SourceName),
      language: z.optional(z.string().check(z.maxLength(35), withoutNul)),
    }),
  ),
};

interface Stretch {
  readonly start_ms?: number | undefined;
  readonly end_ms?: number | undefined;
}

const endsAfterItStarts = z.refine<Stretch>(({ start_ms = 0, end_ms = start_ms }) => end_ms >= start_ms, {
  path: ['end_ms'],
  error: 'expected no less than "start_ms"',
});

const saysWhat = z.refine<Stretch & { readonly segment_no?: number | undefined }>(
  ({ segment_no, start_ms, end_ms }) =>
    segment_no !== undefined || (start_ms !== undefined && end_ms !== undefined),
  { path: ['segment_no'], error: 'expected it, or "start_ms" and "end_ms"' },
);

/** An event that a back end puts into a meeting. A partial is shown and not kept. */
export const PostedEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('status'),
    status: z.string().check(z.minLength(1), z.maxLength(64)),
    message: z._default(z.string(), ''),
    details: z.optional(
      z.looseObject({
        stage: z.optional(z.string()),
        title: z.optional(z.string().check(z.maxLength(256), withoutNul)),
      }),
    ),
  }),
  z.object({ type: z.literal('ai.tip'), tip: z.string(), category: z.optional(z.string()) }),
  z.object({
    type: z.literal('summary'),
    summary: z.string(),
    action_items: z._default(z.array(z.string()), []),
  }),
  z.object({ type: z.literal('transcript.partial'), ...postedSegment }).check(endsAfterItStarts),
  z
    .object({ type: z.literal('transcript.final'), ...postedSegment, revises: z.optional(Seq) })
    .check(endsAfterItStarts),
  z
    .object({
      type: z.literal('retract'),
      segment_no: z.optional(Seq),
      start_ms: z.optional(PostedMs),
      end_ms: z.optional(PostedMs),
    })
    .check(saysWhat, endsAfterItStarts),
]);
export type PostedEvent = z.infer<typeof PostedEvent>;

/** The answer to a posted event: its place in the log if it is kept, and the segment if it is one. */
export const PostedAnswer = z.object({
  meeting_id: z.string(),
  seq: z.optional(Seq),
  segment_no: z.optional(Seq),
});
export type PostedAnswer = z.infer<typeof PostedAnswer>;
