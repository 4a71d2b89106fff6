/** What the HTTP addresses answer with. */
import * as z from 'zod/mini';
import { Count, Seq, TranscriptFinal } from './events.ts';
import { Source } from './identity.ts';

const Part = z.enum(['ok', 'down', 'off']);

export const Health = z.object({ redis: Part, storage: Part, version: z.string() });
export type Health = z.infer<typeof Health>;

export const HealthDetailed = z.object({
  status: z.enum(['ok', 'down']),
  version: z.string(),
  uptime_seconds: z.number(),
  parts: z.record(z.string(), z.object({ status: Part, latency_ms: z.optional(z.number()) })),
});
export type HealthDetailed = z.infer<typeof HealthDetailed>;

export const HubStats = z.object({ meetings: Count, subscribers: Count, ingests: Count });
export type HubStats = z.infer<typeof HubStats>;

/** Seconds of audio of one source: heard from the sender, handed to the recognizer, answered by it. */
export const SourceStats = z.object({
  active: z.boolean(),
  received_seconds: z.number(),
  forwarded_seconds: z.number(),
  covered_seconds: z.number(),
});
export type SourceStats = z.infer<typeof SourceStats>;

export const MeetingStats = z.object({
  meeting_id: z.string(),
  subscribers: Count,
  ingest_active: z.boolean(),
  epoch: z.string(),
  seq: Count,
  sources: z.partialRecord(Source, SourceStats),
});
export type MeetingStats = z.infer<typeof MeetingStats>;

/** One page of a meeting's finals; `next` is the `after` of the following page, or `null` at the end. */
export const TranscriptPage = z.object({
  meeting_id: z.string(),
  epoch: z.string(),
  seq: Count,
  segments: z.array(TranscriptFinal),
  next: z.nullable(Seq),
});
export type TranscriptPage = z.infer<typeof TranscriptPage>;

/** An error answer: RFC 9457, with the same `code` words as the sockets use where they share one. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
});
export type Problem = z.infer<typeof Problem>;
