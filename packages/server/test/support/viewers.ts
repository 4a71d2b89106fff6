/** What viewers are shown, and what they have seen. */
import { ephemeralMessage } from '../../src/bus/message.ts';
import { finalEntry, ts } from './entries.ts';
import { settled } from './fake-clock.ts';
import { meeting, type Stage, type ViewerEnd } from './stage.ts';

export const segment = (text: string, more = {}) => ({
  text,
  startMs: 0,
  endMs: 900,
  source: 'mic' as const,
  ...more,
});
export const passing = ephemeralMessage({
  type: 'status',
  meeting_id: 'm',
  ts,
  status: 'degraded',
  message: 'slow',
});
export const large = 'x'.repeat(20_000);

export async function say(stage: Stage, count: number, text = 'so'): Promise<void> {
  for (let number = 0; number < count; number += 1) await stage.hub.meeting(meeting).final(segment(text));
  await settled();
}

/** Kept, and not announced. */
export async function keep(stage: Stage, count: number): Promise<void> {
  const { segmentNo } = await stage.store.inner.head(meeting);
  for (let number = 1; number <= count; number += 1)
    await stage.store.inner.append(meeting, finalEntry(segmentNo + number));
}

/** The places of the log's entries, as they came. */
export const seqs = (viewer: ViewerEnd): number[] =>
  viewer.messages.flatMap((message) =>
    message.type !== 'connected' && 'seq' in message && message.seq !== undefined ? [message.seq] : [],
  );

export const partials = (viewer: ViewerEnd): string[] =>
  viewer.of('transcript.partial').map(({ text }) => text);

export async function seated(stage: Stage): Promise<number> {
  return (await stage.registry.counts(meeting)).subscribers;
}
