/** An utterance as the log and the screen have it. Pure. */
import type { Source } from '@meetcast/protocol';
import { type MeetingRef, stamp } from '../lib/meeting.ts';
import { present } from '../lib/present.ts';
import type { TimedWord } from '../store/store.ts';
import { type ClockOffsets, endIn, startIn } from './clock-offsets.ts';
import type { Utterance } from './segmenter.ts';

export interface Place {
  readonly meeting: MeetingRef;
  readonly source: Source;
  /** How many channels are heard apart; 1 where they are mixed. */
  readonly channels: number;
  /** Where the utterance's time stands on the meeting's clock. */
  readonly offsets: ClockOffsets;
}

/** What a partial and a final have in common. */
export function entryOf(utterance: Utterance, segmentNo: number, place: Place) {
  const { meeting, source, channels, offsets } = place;
  const { text, speaker, confidence, language } = utterance;
  return {
    ...stamp(meeting),
    segment_no: segmentNo,
    start_ms: Math.round(startIn(offsets, utterance.startMs)),
    end_ms: Math.round(endIn(offsets, utterance.endMs)),
    text,
    ...present({ speaker, confidence }),
    meta: { source, ...present({ channel: channels > 1 ? utterance.channel : undefined, language }) },
  };
}

/** What the recognizer itself said for a final, if it said anything: a list as JSON. */
export const rawOf = ({ raw }: Utterance): string | undefined =>
  raw.length === 0 ? undefined : `[${raw.join(',')}]`;

/** The words of a final, where they stand on the meeting's clock. */
export const wordsOf = ({ words }: Utterance, offsets: ClockOffsets): TimedWord[] =>
  words.map(({ text, startMs, endMs }) => ({
    text,
    start_ms: startIn(offsets, startMs),
    end_ms: endIn(offsets, endMs),
  }));
