/** What is certain at the end of audio that broke off: whole words. Pure. */
import type { RecognitionResult, RecognizedSpan } from '../recognizer/recognizer.ts';
import { withWords } from '../recognizer/span.ts';

/** A word that ends this close to where the audio broke off may be half a word. */
const doubtMs = 80;

/**
 * A final span that reaches to the broken end, without a word that may have been cut there, and no longer than its
 * last whole word: a half word may be heard as nothing at all, so the audio after it stays its sender's to send again.
 */
export function wholeWordsOf(result: RecognitionResult, brokenMs: number): RecognitionResult {
  if (result.kind !== 'span' || !result.isFinal || result.endMs < brokenMs - doubtMs) return result;
  const words = result.words.filter(({ endMs }) => endMs < brokenMs - doubtMs);
  if (words.length === 0 && result.words.length === 0 && result.text !== '') return result; // Nothing to cut by.
  return { ...withWords(result, words), endMs: words.at(-1)?.endMs ?? result.startMs };
}

/** The words that `wholeWordsOf` left out: they count once it is sure that nobody sends their audio again. */
export function halfWordsOf(
  result: RecognitionResult,
  certain: RecognitionResult,
): RecognizedSpan | undefined {
  if (result === certain || result.kind !== 'span' || certain.kind !== 'span') return undefined;
  const words = result.words.slice(certain.words.length);
  return { ...withWords(result, words), startMs: certain.endMs };
}
