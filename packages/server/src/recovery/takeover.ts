/**
 * Where a second stream takes over from a first that was lost: from when audio is sent again, and what of its results
 * is new. Pure; all times are on one clock.
 *
 *   first stream    ──final──┤──final (said)──┤ partial ╳ lost
 *   second stream                 ├──lead-in──┤──────────── …
 *                              replayFrom  boundary
 *
 * Everything before the boundary was said. The lead-in lets the second stream hear the words around the boundary whole:
 * it begins in a pause between said words, a word cut in two being heard as anything, and its words are said ones.
 */
import type { RecognizedSpan, RecognizedWord } from '../recognizer/recognizer.ts';
import { withWords } from '../recognizer/span.ts';

export interface Takeover {
  /** End of the last final span before the loss. */
  readonly boundaryMs: number;
  /** The last words of finals before it, in order. */
  readonly said: readonly RecognizedWord[];
  /** How far partials had got: one that knows less would take words back from the screen. */
  readonly shownMs: number;
}

const leadInMs = 500;
/** Of the pause before a word, what is sent with it at most. */
const longestRunUpMs = 100;
/** Two streams time the same word this differently at most. */
const sameWordMs = 100;
/** Past the boundary by this much nothing can be a said word any more. */
const doubtMs = 1_000;

/**
 * Where to send audio again from: a lead-in before `boundaryMs`, in no said word. `fromMs`: not before this. `again`: the
 * first said word that has to be heard again at the latest.
 */
export function replayStart(
  { boundaryMs, said }: Pick<Takeover, 'boundaryMs' | 'said'>,
  { fromMs, again }: { fromMs: number; again: RecognizedWord | undefined },
): number {
  let startMs = Math.min(boundaryMs - leadInMs, again?.startMs ?? boundaryMs);
  for (let place = said.length - 1; place >= 0; place -= 1) {
    const word = said[place] as RecognizedWord;
    if (word.startMs > startMs || startMs >= word.endMs) continue;
    const pauseMs = word.startMs - (said[place - 1]?.endMs ?? 0);
    startMs = word.startMs - Math.min(longestRunUpMs, Math.max(0, pauseMs) / 2);
  }
  return Math.max(fromMs, startMs);
}

/** What of a span after a loss was not said before it; nothing if all of it was. */
export function withoutSaid(span: RecognizedSpan, takeover: Takeover): RecognizedSpan | undefined {
  const { boundaryMs } = takeover;
  if (!span.isFinal && span.endMs < takeover.shownMs) return undefined;
  if (span.startMs >= boundaryMs + doubtMs) return span;
  if (span.endMs <= boundaryMs) return undefined;
  const startMs = Math.max(span.startMs, boundaryMs);
  const words = span.words.filter((word) => !wasSaid(word, takeover));
  if (words.length > 0 || span.words.length === 0) return { ...withWords(span, words), startMs };
  if (!span.isFinal) return undefined;
  const { raw: _, confidence: __, ...silence } = span;
  return { ...silence, startMs, words, text: '' };
}

/**
 * A word that ends before the boundary belongs to what was final, heard then or not. One that reaches over it, or begins
 * behind it, was said if it is one of the said words, timed a little differently.
 */
const wasSaid = (word: RecognizedWord, { boundaryMs, said }: Takeover): boolean =>
  (word.startMs < boundaryMs && word.endMs <= boundaryMs) || said.some((other) => isSame(word, other));

function isSame(word: RecognizedWord, other: RecognizedWord): boolean {
  const sharedMs = Math.min(word.endMs, other.endMs) - Math.max(word.startMs, other.startMs);
  const shorterMs = Math.min(word.endMs - word.startMs, other.endMs - other.startMs);
  if (sharedMs > 0 && sharedMs >= shorterMs / 2) return true;
  return Math.abs(middle(word) - middle(other)) < sameWordMs && bare(word.text) === bare(other.text);
}

const middle = ({ startMs, endMs }: RecognizedWord): number => (startMs + endMs) / 2;

/** Without case and marks, which depend on the words around. */
const bare = (text: string): string => text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
