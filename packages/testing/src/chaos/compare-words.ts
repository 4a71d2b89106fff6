/** Words said against words that came back: by value and order, for each source. */
import type { Source, TranscriptFinal } from '@meetcast/protocol';

export type SourceWords = Readonly<Record<Source, readonly string[]>>;

export const noWords: SourceWords = { mic: [], system: [] };

/** One word that is not where it should be. */
interface Misfit {
  source: Source;
  /** 1, 2, 3 … among the words said; where an unexpected word stands, the word said before it. */
  place: number;
  word: string;
}

export interface Comparison {
  isEqual: boolean;
  missing: readonly Misfit[];
  /** Repeated, or never said. */
  unexpected: readonly Misfit[];
  /** Of each word that came back: which of those said it is, counted from 0; undefined for an unexpected one. */
  places: Readonly<Record<Source, Places>>;
}

type Places = readonly (number | undefined)[];

/** One place and word of what was compared in several ways. */
export interface Place extends Misfit {
  /** Where the word is missing, or turned up: `stored`, `seen`. */
  from: string[];
}

const wordsIn = (text: string): string[] => text.split(/\s+/u).filter((word) => word !== '');

export const countWords = (words: SourceWords): number => words.mic.length + words.system.length;

/** The words of finals in the order given, each source by itself. */
export function wordsOfFinals(finals: readonly TranscriptFinal[]): SourceWords {
  const of = (source: Source) =>
    finals.filter(({ meta }) => meta?.source === source).flatMap(({ text }) => wordsIn(text));
  return { mic: of('mic'), system: of('system') };
}

export function compareWords(said: SourceWords, got: SourceWords): Comparison {
  const [mic, system] = [
    compareLists('mic', said.mic, got.mic),
    compareLists('system', said.system, got.system),
  ];
  const missing = [...mic.missing, ...system.missing];
  const unexpected = [...mic.unexpected, ...system.unexpected];
  const places = { mic: mic.places, system: system.places };
  return { isEqual: missing.length === 0 && unexpected.length === 0, missing, unexpected, places };
}

/** The misfits of several comparisons, each place and word of a source once, in the order of their places. */
export function placesOf(
  kind: 'missing' | 'unexpected',
  compared: Readonly<Record<string, Comparison>>,
): Place[] {
  const places = new Map<string, Place>();
  for (const [from, comparison] of Object.entries(compared)) {
    for (const misfit of comparison[kind]) {
      const key = `${misfit.source} ${misfit.place} ${misfit.word}`;
      const known = places.get(key);
      if (known) known.from.push(from);
      else places.set(key, { ...misfit, from: [from] });
    }
  }
  return [...places.values()].sort((one, other) => one.place - other.place);
}

/** By the longest common subsequence: of what differs, the least that could be meant. */
function compareLists(source: Source, said: readonly string[], got: readonly string[]) {
  const missing: Misfit[] = [];
  const unexpected: Misfit[] = [];
  const start = commonStart(said, got);
  const places: (number | undefined)[] = Array.from({ length: start }, (_, place) => place);
  const rest = { said: said.slice(start), got: got.slice(start) };
  const common = commonLengths(rest.said, rest.got);
  let [at, in_] = [0, 0];
  while (at < rest.said.length || in_ < rest.got.length) {
    const [wordSaid, wordGot] = [rest.said[at], rest.got[in_]];
    if (wordSaid !== undefined && wordSaid === wordGot) {
      places.push(start + at);
      at += 1;
      in_ += 1;
    } else if (
      wordSaid !== undefined &&
      (wordGot === undefined || common(at + 1, in_) >= common(at, in_ + 1))
    ) {
      missing.push({ source, place: start + at + 1, word: wordSaid });
      at += 1;
    } else {
      unexpected.push({ source, place: start + at, word: wordGot ?? '' });
      places.push(undefined);
      in_ += 1;
    }
  }
  return { missing, unexpected, places };
}

function commonStart(one: readonly string[], other: readonly string[]): number {
  const end = Math.min(one.length, other.length);
  for (let place = 0; place < end; place++) if (one[place] !== other[place]) return place;
  return end;
}

/** How many words the ends of two lists, from a place in each, have in common in order. */
function commonLengths(
  one: readonly string[],
  other: readonly string[],
): (place: number, otherPlace: number) => number {
  const width = other.length + 1;
  const lengths = new Uint16Array((one.length + 1) * width);
  const at = (place: number, otherPlace: number) => lengths[place * width + otherPlace] ?? 0;
  for (let place = one.length - 1; place >= 0; place--) {
    for (let otherPlace = other.length - 1; otherPlace >= 0; otherPlace--) {
      lengths[place * width + otherPlace] =
        one[place] === other[otherPlace]
          ? at(place + 1, otherPlace + 1) + 1
          : Math.max(at(place + 1, otherPlace), at(place, otherPlace + 1));
    }
  }
  return at;
}
