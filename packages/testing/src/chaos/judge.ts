/** What came of a scenario. */
import type { Gap, Source, TranscriptFinal } from '@meetcast/protocol';
import {
  type SpokenWord,
  type TimeError,
  timeErrors,
  timeToleranceMs,
} from '../tone-language/time-errors.ts';
import {
  type Comparison,
  compareWords,
  countWords,
  noWords,
  type Place,
  placesOf,
  wordsOfFinals,
} from './compare-words.ts';
import { gapProblems } from './gaps.ts';
import { count } from './text.ts';

/** What one source said. */
export interface Said {
  readonly source: Source;
  readonly words: readonly SpokenWord[];
  /** Where on the meeting's clock the words' 0 is. */
  readonly fromMs: number;
}

export interface Heard {
  said: readonly Said[];
  /** By the transcript over HTTP. */
  stored: readonly TranscriptFinal[];
  /** By the viewer. */
  seen: readonly TranscriptFinal[];
  /** Entries of the log that say that there are no words. */
  gaps?: readonly Gap[];
  /** From the end of the fault to the first final of what was said since it began; null: none came. */
  recoveredMs?: number | null;
  notes?: readonly string[];
  /** Sentences: what did not go as it should, beside the words. */
  problems?: readonly string[];
}

export interface Played {
  status: 'passed' | 'failed';
  words: { said: number; stored: number; seen: number };
  missing: readonly Place[];
  unexpected: readonly Place[];
  /** The farthest that a stored word is from where it was said; null: none came. */
  timeErrorMs: number | null;
  gaps: number;
  recoveredMs: number | null;
  notes: readonly string[];
  problems: readonly string[];
}

/** It could not be played to its end. */
export interface Broken {
  status: 'failed';
  problems: readonly string[];
}

/** The run has not what it takes: a way to make tokens, or to open a hub in another process. */
export interface Skipped {
  status: 'skipped';
  lacks: 'mint' | 'process';
}

export type Result =
  | Played
  | Broken
  | Skipped
  /** It was stopped, or there was no time to begin. */
  | { status: 'unfinished'; reason: string };

/** Passed is what lost no word, repeated none, misplaced none and broke no promise. */
export function judge(heard: Heard): Played {
  const { said, gaps = [], recoveredMs = null, notes = [] } = heard;
  const stored = inSpokenOrder(heard.stored);
  const wordsBy = {
    said: wordsSaid(said),
    stored: wordsOfFinals(stored),
    seen: wordsOfFinals(inSpokenOrder(heard.seen)),
  };
  const compared = {
    stored: compareWords(wordsBy.said, wordsBy.stored),
    seen: compareWords(wordsBy.said, wordsBy.seen),
  };
  const missing = placesOf('missing', compared);
  const unexpected = placesOf('unexpected', compared);
  const errors = said.flatMap((one) => timeErrorsOf(one, stored, compared.stored));
  const problems = [...(heard.problems ?? []), ...timeProblems(errors), ...gapProblems(gaps, stored)];
  const isWell = missing.length === 0 && unexpected.length === 0 && problems.length === 0;
  return {
    status: isWell ? 'passed' : 'failed',
    words: {
      said: countWords(wordsBy.said),
      stored: countWords(wordsBy.stored),
      seen: countWords(wordsBy.seen),
    },
    missing,
    unexpected,
    timeErrorMs: errors.length > 0 ? Math.max(...errors.map(({ ms }) => ms)) : null,
    gaps: gaps.length,
    recoveredMs,
    notes,
    problems,
  };
}

/** As a reader finds them: words that were filled in later stand where they were said. */
export const inSpokenOrder = (finals: readonly TranscriptFinal[]): TranscriptFinal[] =>
  finals.toSorted((one, other) => one.start_ms - other.start_ms);

function wordsSaid(said: readonly Said[]) {
  const bySource = said.map(({ source, words }) => [source, words.map(({ text }) => text)]);
  return { ...noWords, ...Object.fromEntries(bySource) };
}

interface Misplacement extends TimeError<TranscriptFinal> {
  readonly said: Said;
}

function timeErrorsOf(said: Said, stored: readonly TranscriptFinal[], { places }: Comparison) {
  const { source, words, fromMs } = said;
  const own = stored.filter(({ meta }) => meta?.source === source);
  const placeOf = (nth: number) => places[source][nth];
  return timeErrors(words, own, { fromMs, placeOf }).map((error): Misplacement => ({ ...error, said }));
}

function timeProblems(errors: readonly Misplacement[]): string[] {
  const misplaced = errors.filter(({ ms }) => ms > timeToleranceMs);
  const [worst] = misplaced.toSorted((one, other) => other.ms - one.ms);
  if (!worst) return [];
  const { word, segment, said, ms } = worst;
  const from = said.fromMs + word.startMs;
  const where = `"${word.text}" of ${said.source} was said at ${Math.round(from)} ms`;
  const stands = `its segment is from ${segment.start_ms} to ${segment.end_ms} ms`;
  const many = `${count(misplaced.length, 'word')} stored more than ${timeToleranceMs} ms from where they were said`;
  return [`${many}, up to ${Math.round(ms)} ms: ${where}, ${stands}`];
}
