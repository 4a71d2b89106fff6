import { expect, test } from 'vitest';
import type { RecognizedSpan } from '../../src/recognizer/recognizer.ts';
import type { ClockOffsets } from '../../src/transcription/clock-offsets.ts';
import { SkippedAudio } from '../../src/transcription/skipped-audio.ts';

/** A word every second, half a second long: the third is from 2000 to 2500. */
const words = ['one', 'two', 'three', 'four'].map((text, at) => ({
  text,
  startMs: at * 1_000,
  endMs: at * 1_000 + 500,
}));

const span = (changes: Partial<RecognizedSpan> = {}): RecognizedSpan => ({
  kind: 'span',
  channel: 0,
  startMs: 0,
  endMs: 4_000,
  isFinal: true,
  endsUtterance: true,
  text: 'One, two. Three, four.',
  words,
  ...changes,
});
const end = (channel = 0) => ({ kind: 'utterance-end', channel }) as const;

/** Audio that went past at these times of the stream. */
const skippedAt = (...streamMs: number[]): ClockOffsets =>
  [0, ...streamMs].map((at) => ({ streamMs: at, offsetMs: at }));

test('what ends at a hole is whole, as is what is no span', () => {
  const holes = new SkippedAudio();
  expect(holes.cut(span(), skippedAt())).toEqual([span()]);
  expect(holes.cut(span(), skippedAt(4_000))).toEqual([span()]);
  expect(holes.cut(end(), skippedAt(0))).toEqual([end()]);
});

test('a final is cut at every hole it has: each word once, and an utterance ends there', () => {
  expect(new SkippedAudio().cut(span(), skippedAt(1_700, 2_900))).toEqual([
    span({ endMs: 1_700, endsUtterance: false, text: 'one two', words: words.slice(0, 2) }),
    end(),
    span({ startMs: 1_700, endMs: 2_900, endsUtterance: false, text: 'three', words: words.slice(2, 3) }),
    end(),
    span({ startMs: 2_900, text: 'four', words: words.slice(3) }),
  ]);
});

test('a final passes a hole once; other channels pass it themselves', () => {
  const holes = new SkippedAudio();
  holes.cut(span(), skippedAt(1_700));
  const next = span({ startMs: 4_000, endMs: 5_000, words: [], text: '' });
  expect(holes.cut(next, skippedAt(1_700))).toEqual([next]);
  expect(holes.cut(span({ channel: 1 }), skippedAt(1_700))[1]).toEqual(end(1));
});

test('a hole between two finals ends the utterance, and nothing is before it', () => {
  const later = span({ startMs: 2_000, words: words.slice(2), text: 'Three, four.' });
  expect(new SkippedAudio().cut(later, skippedAt(1_700))).toEqual([end(), later]);
});

test('a partial is what was said before the hole, until its final has passed it', () => {
  const holes = new SkippedAudio();
  const partial = span({ isFinal: false });
  const before = span({ isFinal: false, endMs: 1_700, endsUtterance: false, text: 'one two' });
  expect(holes.cut(partial, skippedAt(1_700))).toEqual([{ ...before, words: words.slice(0, 2) }]);
  const behind = span({ isFinal: false, startMs: 1_800, text: 'three four', words: words.slice(2) });
  expect(holes.cut(behind, skippedAt(1_700))).toEqual([end(), behind]);
  expect(holes.cut(partial, skippedAt(1_700))).toHaveLength(1);
});

test('text without words goes whole to the side where more of it lies', () => {
  const bare = span({ words: [], text: 'yes', endMs: 1_000 });
  const texts = (skipMs: number) =>
    new SkippedAudio()
      .cut(bare, skippedAt(skipMs))
      .map((piece) => (piece.kind === 'span' ? piece.text : piece.kind));
  expect(texts(600)).toEqual(['yes', 'utterance-end', '']);
  expect(texts(400)).toEqual(['', 'utterance-end', 'yes']);
});
