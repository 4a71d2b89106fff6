/** A meeting's events as lines for people. */
import type { SubscriptionEvent } from '@meetcast/client';
import type { TranscriptFinal, TranscriptPartial } from '@meetcast/protocol';
import { clock, endOf, printable } from './show.ts';

/** `words` belong to the transcript; a `note` is about it. */
export type EventText = { kind: 'words' | 'note'; text: string };

/** Nothing for what has no line of its own. */
export function textOf(event: SubscriptionEvent): EventText | undefined {
  switch (event.type) {
    case 'transcript.final':
      return words(`${labelOf(event)} ${event.text}${event.revises === undefined ? '' : ' (revised)'}`);
    case 'summary':
      return words(['summary:', event.summary, ...event.action_items.map((item) => `• ${item}`)].join(' '));
    case 'ai.tip':
      return words(`tip: ${event.tip}`);
    case 'gap':
      return words(`[${span(event)}] ${event.source}: (no text: ${event.cause})`);
    case 'retract':
      return note(`retracted: ${placeOf(event)}`);
    case 'status':
      return note(`${event.status}: ${event.message}`);
    default:
      return undefined;
  }
}

const words = (text: string): EventText => ({ kind: 'words', text: printable(text) });
const note = (text: string): EventText => ({ kind: 'note', text: printable(text) });

const span = ({ start_ms, end_ms }: { start_ms: number; end_ms: number }): string =>
  `${clock(start_ms)}–${clock(end_ms)}`;

function placeOf(retract: SubscriptionEvent & { type: 'retract' }): string {
  if (retract.segment_no !== undefined) return `segment ${retract.segment_no}`;
  const { start_ms = 0, end_ms } = retract;
  return end_ms === undefined ? `from ${clock(start_ms)} on` : span({ start_ms, end_ms });
}

/** `[00:12] mic speaker 0:` */
export function labelOf({ start_ms, meta, speaker }: TranscriptFinal | TranscriptPartial): string {
  const named = speaker !== undefined && /^\d+$/.test(speaker) ? `speaker ${speaker}` : speaker;
  const who = [meta?.source, named].filter((name) => name !== undefined).join(' ');
  return `[${clock(start_ms)}]${who === '' ? '' : ` ${who}:`}`;
}

/** One line that fits: of long words the end, where the news is. */
export function partialLine(partial: TranscriptPartial, columns: number): string {
  const label = printable(labelOf(partial));
  return `${label} ${endOf(`${printable(partial.text)}…`, columns - label.length - 1)}`;
}
