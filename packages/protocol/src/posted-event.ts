/** What a back end posts into a meeting, and what it is answered. */
import * as z from 'zod/mini';
import { type Decoded, decoder, withoutNulls } from './codec.ts';
import { Ms, Seq } from './events.ts';
import { SourceName } from './identity.ts';
import type { Stretch } from './retraction.ts';

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

const endsAfterItStarts = z.refine<Stretch>(({ start_ms = 0, end_ms = start_ms }) => end_ms >= start_ms, {
  path: ['end_ms'],
  error: 'expected no less than "start_ms"',
});

interface PostedRetraction extends Stretch {
  readonly segment_no?: number | undefined;
  readonly meta?: object | undefined;
}

const saysWhat = z.refine<PostedRetraction>(
  ({ segment_no, start_ms, end_ms }) =>
    segment_no !== undefined || (start_ms !== undefined && end_ms !== undefined),
  { path: ['segment_no'], error: 'expected it, or "start_ms" and "end_ms"' },
);

const saysItOnce = z.refine<PostedRetraction>(
  ({ segment_no, ...stretch }) =>
    segment_no === undefined || Object.keys(stretch).every((field) => field === 'type'),
  { path: ['segment_no'], error: 'expected it alone, without a stretch' },
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
  // Strict: a field that narrows it, and is not known here, would leave it taking back more than was meant.
  z
    .strictObject({
      type: z.literal('retract'),
      segment_no: z.optional(Seq),
      start_ms: z.optional(PostedMs),
      end_ms: z.optional(PostedMs),
      meta: z.optional(z.strictObject({ source: z.optional(SourceName) })),
    })
    .check(saysWhat, saysItOnce, endsAfterItStarts),
]);
export type PostedEvent = z.infer<typeof PostedEvent>;

/** The answer to a posted event: its place in the log if it is kept, and the segment if it is one. */
export const PostedAnswer = z.object({
  meeting_id: z.string(),
  seq: z.optional(Seq),
  segment_no: z.optional(Seq),
});
export type PostedAnswer = z.infer<typeof PostedAnswer>;

/** `null` is absent, in the fields of `meta` as well. */
function withoutPostedNulls(json: unknown): unknown {
  const event = withoutNulls(json);
  if (typeof event !== 'object' || event === null || !('meta' in event)) return event;
  return { ...event, meta: withoutNulls(event.meta) };
}

export const decodePostedEvent: (text: string) => Decoded<PostedEvent> = /* @__PURE__ */ decoder(
  PostedEvent,
  withoutPostedNulls,
);
