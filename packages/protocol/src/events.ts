/** What a hub sends about a meeting: to every viewer, and to a sender about its own words. */
import * as z from 'zod/mini';
import { Source } from './identity.ts';

/** An instant: RFC 3339, UTC, with milliseconds. */
export const Instant = z.iso.datetime();

/** A count: 0, 1, 2 … within what JSON carries exactly. */
export const Count = z.int().check(z.nonnegative());

/** Milliseconds on the meeting's clock: 0 is the first audio of the meeting, counted in audio samples. */
export const Ms = z.number().check(z.nonnegative());

/** A place in the log: 1, 2, 3 … per meeting and epoch. */
export const Seq = z.int().check(z.positive());

/** What was known beside an event. Unknown names pass through. */
export const Meta = z.looseObject({
  source: z.optional(Source),
  language: z.optional(z.string()),
});
export type Meta = z.infer<typeof Meta>;

const common = {
  meeting_id: z.string(),
  ts: Instant,
  meta: z.optional(Meta),
};

const spoken = {
  segment_no: Seq,
  start_ms: Ms,
  end_ms: Ms,
  speaker: z.optional(z.string()),
  text: z.string(),
  confidence: z.optional(z.number()),
};

/** Words so far; replaces any earlier partial with the same `segment_no`. Not logged. */
export const TranscriptPartial = z.object({ type: z.literal('transcript.partial'), ...common, ...spoken });
export type TranscriptPartial = z.infer<typeof TranscriptPartial>;

/** A segment that will not change, unless another final `revises` it. */
export const TranscriptFinal = z.object({
  type: z.literal('transcript.final'),
  seq: Seq,
  ...common,
  ...spoken,
  /** The `segment_no` of the final that this one replaces. */
  revises: z.optional(Seq),
  /** The `seq` of the gap that this one fills. */
  repairs: z.optional(Seq),
});
export type TranscriptFinal = z.infer<typeof TranscriptFinal>;

/** How the meeting is doing: `live idle reconnecting degraded recovered … ending ended completed error`. */
export const Status = z.object({
  type: z.literal('status'),
  /** Absent on a status that concerns this one connection only, such as `token_expiring`. */
  seq: z.optional(Seq),
  ...common,
  status: z.string().check(z.minLength(1), z.maxLength(64)),
  message: z.string(),
  details: z.optional(z.looseObject({ stage: z.optional(z.string()) })),
});
export type Status = z.infer<typeof Status>;

export const AiTip = z.object({
  type: z.literal('ai.tip'),
  seq: Seq,
  ...common,
  tip: z.string(),
  category: z.optional(z.string()),
});
export type AiTip = z.infer<typeof AiTip>;

export const Summary = z.object({
  type: z.literal('summary'),
  seq: Seq,
  ...common,
  summary: z.string(),
  action_items: z.array(z.string()),
});
export type Summary = z.infer<typeof Summary>;

/** Audio the hub received, or should have, that has no text. */
export const Gap = z.object({
  type: z.literal('gap'),
  seq: Seq,
  ...common,
  source: Source,
  start_ms: Ms,
  end_ms: Ms,
  cause: z.string(),
});
export type Gap = z.infer<typeof Gap>;

/**
 * Text that is gone from the log, its rows and exports: one segment, or a stretch of the meeting's clock. In the place of
 * a final it says which segment was there, and from when to when.
 */
export const Retract = z.object({
  type: z.literal('retract'),
  seq: Seq,
  ...common,
  segment_no: z.optional(Seq),
  start_ms: z.optional(Ms),
  end_ms: z.optional(Ms),
  /** Segments that are gone with it, because they revise what it names, or were revised by it. */
  revisions: z.optional(z.array(Seq)),
});
export type Retract = z.infer<typeof Retract>;

/** Loudness of a source, at most five times a second, to those who ask with `levels=1`. */
export const AudioLevel = z.object({
  type: z.literal('audio.level'),
  ...common,
  source: Source,
  rms_dbfs: z.number(),
  peak_dbfs: z.number(),
  clipped: z.boolean(),
  speech: z.boolean(),
});
export type AudioLevel = z.infer<typeof AudioLevel>;

/** A status that is kept: it has a place in the log. */
const LoggedStatus = z.extend(Status, { seq: Seq });

/** What a hub numbers and keeps, in one order for all kinds. */
export const LoggedEvent = z.discriminatedUnion('type', [
  TranscriptFinal,
  LoggedStatus,
  AiTip,
  Summary,
  Gap,
  Retract,
]);
export type LoggedEvent = z.infer<typeof LoggedEvent>;

/** What goes by and is not kept. */
export type EphemeralEvent = TranscriptPartial | AudioLevel | Omit<Status, 'seq'>;

/** An entry on its way to the log: everything but the `seq` that the log gives it. */
export type LogEntry = WithoutSeq<LoggedEvent>;
type WithoutSeq<T> = T extends { seq: number } ? Omit<T, 'seq'> : never;
