/** A segment's text cut into subtitles: short lines, two of them at a time, each pair with its share of the time. Pure. */

export interface Cue {
  /** Whole milliseconds; the end is after the start. */
  readonly startMs: number;
  readonly endMs: number;
  readonly lines: readonly string[];
}

/** What subtitles keep to. */
const columnsOfLine = 42;
const linesOfCue = 2;

/** Cues that follow each other without a hole, as long as their text is. */
export function cuesOf(text: string, startMs: number, endMs: number): Cue[] {
  const lines = linesOf(text);
  const columns = lines.map(columnsOf);
  const total = sum(columns);
  const first = Math.round(startMs);
  const last = Math.round(Math.max(endMs, startMs));
  const cues: Cue[] = [];
  let from = first;
  for (let at = 0; at < lines.length; at += linesOfCue) {
    const share = sum(columns.slice(0, at + linesOfCue)) / total;
    const to = Math.max(from + 1, Math.round(first + (last - first) * share));
    cues.push({ startMs: from, endMs: to, lines: lines.slice(at, at + linesOfCue) });
    from = to;
  }
  return cues;
}

/** What must not be broken, and whether a space stood before it. */
interface Piece {
  readonly text: string;
  readonly isSpaced: boolean;
}

function linesOf(text: string): string[] {
  const lines: string[] = [];
  let columns = 0;
  for (const { text: piece, isSpaced } of piecesOf(text)) {
    const space = isSpaced && columns > 0 ? ' ' : '';
    const width = columnsOf(piece);
    if (columns > 0 && columns + space.length + width <= columnsOfLine) {
      lines[lines.length - 1] += space + piece;
      columns += space.length + width;
    } else {
      lines.push(piece);
      columns = width;
    }
  }
  return lines;
}

const piecesOf = (text: string): Piece[] =>
  text.split(' ').flatMap((word) => partsOf(word).map((part, at) => ({ text: part, isSpaced: at === 0 })));

/** Scripts that write no spaces between words. */
const spaceless =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** Where a word may be broken: not at all, unless its script has no spaces or it fills more than a line. */
function partsOf(word: string): string[] {
  const parts = spaceless.test(word) ? wordsOf(word) : [word];
  return parts.flatMap((part) => (columnsOf(part) <= columnsOfLine ? [part] : slicesOf(part)));
}

const words = new Intl.Segmenter('und', { granularity: 'word' });
const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** Words as a dictionary finds them; what is none, such as a full stop, stays on the line of what is before it. */
function wordsOf(text: string): string[] {
  const found: string[] = [];
  for (const { segment, isWordLike } of words.segment(text)) {
    if (isWordLike || found.length === 0) found.push(segment);
    else found[found.length - 1] += segment;
  }
  return found;
}

/** Slices of a line each, never through a character. */
function slicesOf(text: string): string[] {
  const slices: string[] = [];
  let columns = columnsOfLine;
  for (const { segment } of graphemes.segment(text)) {
    const width = columnsOf(segment);
    if (columns + width > columnsOfLine) {
      slices.push('');
      columns = 0;
    }
    slices[slices.length - 1] += segment;
    columns += width;
  }
  return slices;
}

const wide =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;

/** How much of a line a text takes: a wide character two columns, any other one. */
function columnsOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  return sum([...graphemes.segment(text)].map(({ segment }) => (wide.test(segment) ? 2 : 1)));
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
