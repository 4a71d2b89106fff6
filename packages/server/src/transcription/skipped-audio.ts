/** Cuts results where audio went past the recognizer: what was said before and behind such a hole is no one utterance. */
import type { RecognitionResult, RecognizedSpan, RecognizedWord } from '../recognizer/recognizer.ts';
import { withWords } from '../recognizer/span.ts';
import type { ClockOffsets } from './clock-offsets.ts';

/** Recognizers round their times. */
const roundingMs = 1;

export class SkippedAudio {
  /** Per channel, how many holes its finals have passed. */
  readonly #passed = new Map<number, number>();

  cut(result: RecognitionResult, offsets: ClockOffsets): RecognitionResult[] {
    if (result.kind !== 'span') return [result];
    const { channel } = result;
    const passed = this.#passed.get(channel) ?? 0;
    const skipMs = offsets[passed + 1]?.streamMs;
    if (skipMs === undefined || result.endMs <= skipMs + roundingMs) return [result];
    const end: RecognitionResult = { kind: 'utterance-end', channel };
    const [before, behind] = partedAt(result, skipMs);
    if (!result.isFinal) return before.words.length > 0 ? [before] : [end, behind];
    this.#passed.set(channel, passed + 1);
    const heard = before.endMs > before.startMs ? [before] : [];
    return [...heard, end, ...this.cut(behind, offsets)];
  }
}

/** A text without words cannot be cut: it goes where more of it lies. */
function partedAt(span: RecognizedSpan, ms: number): [RecognizedSpan, RecognizedSpan] {
  const at = Math.max(span.startMs, ms);
  const isBefore = ({ startMs, endMs }: Pick<RecognizedWord, 'startMs' | 'endMs'>) =>
    (startMs + endMs) / 2 < ms;
  const [first, second] = [
    { ...span, endMs: at, endsUtterance: false },
    { ...span, startMs: at },
  ];
  if (span.words.length === 0) {
    return isBefore(span) ? [first, { ...second, text: '' }] : [{ ...first, text: '' }, second];
  }
  const words = span.words.filter(isBefore);
  return [withWords(first, words), withWords(second, span.words.slice(words.length))];
}
