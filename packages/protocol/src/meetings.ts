/** What the HTTP addresses of a tenant's meetings answer: lists, searches, pages of the log. */
import * as z from 'zod/mini';
import { Count, Instant, LoggedEvent, TranscriptFinal } from './events.ts';
import { Source } from './identity.ts';

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
