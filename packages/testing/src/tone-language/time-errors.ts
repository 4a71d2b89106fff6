/** How far the segments of a transcript are from where their words were said. */

import { wordTimes } from './speak.ts';

export interface SpokenWord {
  readonly text: string;
  /** Milliseconds, of the speaker's audio or of a meeting. */
  readonly startMs: number;
  readonly endMs: number;
}

/** When each of these words is said, if the audio that says them begins at `fromMs`. */
export function spokenWords(words: readonly string[], fromMs = 0): SpokenWord[] {
  return words.map((text, place) => {
    const { start, end } = wordTimes(place);
    return { text, startMs: fromMs + Math.round(start * 1000), endMs: fromMs + Math.round(end * 1000) };
  });
}

/** The part of a final that says what was heard when. */
export interface TimedText {
  readonly text: string;
  readonly start_ms: number;
  readonly end_ms: number;
}

export interface TimeError<Segment extends TimedText> {
  readonly word: SpokenWord;
  /** The one that has the word. */
  readonly segment: Segment;
  /** From 0: how far the segment's start is from its first word's, its end from its last word's; for the others, how far they stick out. */
  readonly ms: number;
}

export interface TimeErrorOptions {
  /** Where on the segments' clock the words' 0 is. Default 0. */
  fromMs?: number;
  /**
   * The place among the words said of the nth word of all segments, or undefined for one that nobody said. Default: every
   * word came, in order.
   */
  placeOf?: (nth: number) => number | undefined;
}

/** How far a segment's times may be off before its words count as misplaced. */
export const timeToleranceMs = 20;

/** Of each word that was said and came: how far it is from its segment. Both in the order in which they were said. */
export function timeErrors<Segment extends TimedText>(
  said: readonly SpokenWord[],
  segments: readonly Segment[],
  { fromMs = 0, placeOf = (nth) => nth }: TimeErrorOptions = {},
): TimeError<Segment>[] {
  const errors: TimeError<Segment>[] = [];
  let nth = 0;
  for (const segment of segments) {
    const count = segment.text.split(/\s+/u).filter((word) => word !== '').length;
    for (let at = 0; at < count; at += 1, nth += 1) {
      const place = placeOf(nth);
      const word = place === undefined ? undefined : said[place];
      if (!word) continue;
      const [early, late] = [segment.start_ms - fromMs - word.startMs, word.endMs - segment.end_ms + fromMs];
      const ms = Math.max(0, at === 0 ? Math.abs(early) : early, at === count - 1 ? Math.abs(late) : late);
      errors.push({ word, segment, ms });
    }
  }
  return errors;
}
