/** What is known of audio that nobody has heard and the hub keeps. Pure. */
import { meetingIdPattern, sources } from '@meetcast/protocol';
import * as z from 'zod/mini';
import { msOf } from '../recognizer/pcm.ts';
import { endIn, startIn, streamMsAt } from '../transcription/clock-offsets.ts';

const ms = z.number().check(z.nonnegative());
const count = z.int().check(z.nonnegative());
const meetingId = z.string().check(z.regex(meetingIdPattern));
const name = z.string().check(z.minLength(1), z.maxLength(512));

/** Times of the audio count from its first sample. It is what a sidecar file holds, so that another process can go on. */
export const Leftover = z.object({
  meeting: z.object({ tenant: meetingId, id: meetingId }),
  source: z.enum(sources),
  /** The log that lacks its words. */
  epoch: z.string(),
  /** The head of that log when the audio was kept, if it was known. */
  sinceSeq: z.optional(count),
  /** Since 1970. */
  keptAtMs: ms,
  format: z.object({
    sampleRate: z.int().check(z.positive()),
    channels: z.int().check(z.positive(), z.maximum(64)),
  }),
  language: z.optional(z.string()),
  bytes: z.int().check(z.positive()),
  /** Where it stands on the meeting's clock. */
  offsets: z.array(z.object({ streamMs: ms, offsetMs: z.number() })).check(z.minLength(1)),
  /** Of its gap, should nobody have written that. */
  cause: name,
  /** The highest fence of those who sent it. */
  fence: count,
  /** Whether its sender may still send it again. */
  canResume: z.boolean(),
  /** Whether the hub makes it its own, so that its sender would begin behind it: `begun` may have come to nothing. */
  claim: z.enum(['none', 'begun', 'done']),
  /** Of each channel that is heard apart, how far its words are in the log. */
  saidMs: z.array(ms).check(z.minLength(1), z.maxLength(64)),
  /** A final that was about to be written: whether it was, the log knows. */
  saying: z.optional(z.object({ segmentNo: count, ts: name, channel: count, endMs: ms })),
});
export type Leftover = z.infer<typeof Leftover>;

export type Saying = NonNullable<Leftover['saying']>;

export const durationMs = ({ bytes, format }: Leftover): number => msOf(bytes, format);

/** Where on the meeting's clock the first word may be that is not in the log. */
export const fromMs = ({ offsets, saidMs }: Leftover): number =>
  Math.round(startIn(offsets, Math.min(...saidMs)));

/** Where on the meeting's clock it ends: whoever is covered up to here will not send it again. */
export const toMs = (leftover: Leftover): number => Math.floor(endIn(leftover.offsets, durationMs(leftover)));

/** Words up to these meeting's times, for each channel, were said by somebody else. */
export function saidUpTo({ offsets, saidMs }: Leftover, meetingMs: readonly number[]): number[] {
  return saidMs.map((own, channel) => {
    const other = meetingMs[channel];
    return other === undefined ? own : Math.max(own, streamMsAt(offsets, other));
  });
}
