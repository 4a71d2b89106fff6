/** Holds back that nothing was said where it was as loud as speech, until a text or a second stream bears it out. No I/O. */

import { present } from '../lib/present.ts';
import type { RecognitionResult, RecognizedSpan } from '../recognizer/recognizer.ts';

/** Shorter noises need no words. */
const shortestSpeechMs = 250;
/** After so much quiet a short noise was one. */
const quietMs = 1_000;
/** No word is so short. */
const shortestWordMs = 100;
/** A stream that takes over hears a word that was said before this much later at most. */
const sameWordMs = 100;
/** An answer to a flush may hold back so much. */
const heldBackMs = 1_000;
/** Where audio stops for a while, the beginning of a word may have been heard as nothing: so long a one. */
const begunWordMs = 400;
/** How much longer than at first it may be loud for nothing, once second streams have agreed again and again. */
const mostPatience = 16;

/*
 *   listening ──loud for long, and no text──▶ doubting ──a second stream as far, and no text──▶ agreed
 *       ▲                                        │                                                │
 *       └───────────────── text ─────────────────┴────────────────────────────────────────────────┘
 */
type State =
  | { readonly name: 'listening' }
  /** The stream that was given up had answered as far as this. */
  | { readonly name: 'doubting'; readonly toMs: number }
  | { readonly name: 'agreed' };

interface Stretch {
  readonly startMs: number;
  endMs: number;
}

/** `deaf`: the stream is to be given up for another one. `agreed`: two have heard nothing, so there is nothing. */
export interface Answer {
  readonly results: readonly RecognitionResult[];
  readonly finding?: 'deaf' | 'agreed';
}

export class Deafness {
  readonly #channels: readonly ChannelDeafness[];

  /** `patienceMs`: audio that may be loud without a word. */
  constructor(channels: number, patienceMs: number) {
    this.#channels = Array.from({ length: channels }, () => new ChannelDeafness(patienceMs));
  }

  /** Whether a second stream still has to say what the first one did not. */
  get isDoubting(): boolean {
    return this.#channels.some(({ isDoubting }) => isDoubting);
  }

  /** Whether what is not answered yet is too quiet for a word. */
  get isQuiet(): boolean {
    return this.#channels.every(({ isQuiet }) => isQuiet);
  }

  /** Whether what is not answered yet is too quiet for the beginning of one. */
  get isSilent(): boolean {
    return this.#channels.every(({ isSilent }) => isSilent);
  }

  /** A stream begins at `fromMs`; what ends before a channel's boundary was said. */
  begin(fromMs: number, boundariesMs: readonly number[]): void {
    for (const [number, channel] of this.#channels.entries())
      channel.begin(fromMs, boundariesMs[number] ?? fromMs);
  }

  /** Audio was written that is as loud as speech on some of its channels. */
  spoke(startMs: number, endMs: number, isLoud: readonly boolean[]): void {
    const isApart = this.#channels.length === isLoud.length;
    for (const [number, channel] of this.#channels.entries())
      if (!isApart || isLoud[number]) channel.spoke(startMs, endMs);
  }

  /**
   * A result of the present stream, on its own clock: what may be told now, in order. `stopMs`: where the audio stopped,
   * and perhaps a link with it, if it is an answer to that.
   */
  accept(result: RecognitionResult, stopMs: number = Number.POSITIVE_INFINITY): Answer {
    const channel = result.kind === 'span' && result.isFinal ? this.#channels[result.channel] : undefined;
    return result.kind === 'span' && channel ? channel.accept(result, stopMs) : { results: [result] };
  }

  /** No more audio comes for now, or at all: what is too little to be doubted is told. */
  tellWithheld(): Answer {
    return togetherOf(this.#channels.map((channel) => channel.tellWithheld()));
  }

  /** Its sender is there, so that no link broke off within a word: what was held back for that is told after all. */
  trust(): Answer {
    return togetherOf(this.#channels.map((channel) => channel.trust()));
  }
}

function togetherOf(answers: readonly Answer[]): Answer {
  const finding = answers.find((answer) => answer.finding)?.finding;
  return { results: answers.flatMap(({ results }) => results), ...present({ finding }) };
}

class ChannelDeafness {
  readonly #patienceMs: number;
  #state: State = { name: 'listening' };
  #fromMs = 0;
  /** What ends before this was said by an earlier stream. */
  #boundaryMs = 0;
  /** How far the present stream's finals have got. */
  #answeredMs = 0;
  /** As loud as speech, and neither worded nor let go. */
  #loud: Stretch[] = [];
  #held: RecognizedSpan[] = [];
  /** What was let go since the last text. */
  #passed = { loudMs: 0, lengthMs: 0 };
  #timesPatience = 1;
  /** What the last final was told without, as it might be the beginning of a word. */
  #uncertain: RecognizedSpan | undefined;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  get isDoubting(): boolean {
    return this.#state.name === 'doubting';
  }

  get isQuiet(): boolean {
    return this.#held.length === 0 && this.#loudSinceMs < shortestWordMs;
  }

  get isSilent(): boolean {
    return this.#held.length === 0 && this.#loudSinceMs === 0;
  }

  begin(fromMs: number, boundaryMs: number): void {
    this.#fromMs = fromMs;
    this.#boundaryMs = boundaryMs;
    this.#answeredMs = fromMs;
    this.#loud = [];
    this.#held = [];
    this.#uncertain = undefined;
  }

  spoke(startMs: number, endMs: number): void {
    const last = this.#loud.at(-1);
    if (last && startMs - last.endMs < 1) last.endMs = endMs;
    else this.#loud.push({ startMs, endMs });
  }

  accept(whole: RecognizedSpan, stopMs: number): Answer {
    const final = certainOf(whole, stopMs - this.#fromMs);
    const { channel, endMs } = whole;
    const about = { kind: 'span', channel, isFinal: true, endsUtterance: false } as const;
    this.#uncertain =
      final.endMs < endMs ? { ...about, startMs: final.endMs, endMs, text: '', words: [] } : undefined;
    this.#answeredMs = Math.max(this.#answeredMs, this.#fromMs + final.endMs);
    if (this.#isText(final)) return { results: [...this.#worded(final), final] };
    if (this.#state.name === 'agreed') return { results: [...this.#letGo(), final] };
    this.#held.push(final);
    const { results, finding } = this.#judge();
    if (finding || results.length > 0 || !final.endsUtterance) {
      return { results, ...present({ finding }) };
    }
    // What was said before has ended all the same.
    return { results: [{ kind: 'utterance-end', channel: final.channel }] };
  }

  trust(): Answer {
    return this.#uncertain ? this.accept(this.#uncertain, Number.POSITIVE_INFINITY) : { results: [] };
  }

  tellWithheld(): Answer {
    if (this.#state.name !== 'doubting') return { results: this.#pass() };
    return this.#answeredMs < this.#state.toMs - heldBackMs ? { results: [] } : this.#agree();
  }

  /** What was loud and is not answered. */
  get #loudSinceMs(): number {
    const fromMs = this.#answeredMs;
    return this.#loud.reduce((sum, one) => sum + Math.max(0, one.endMs - Math.max(one.startMs, fromMs)), 0);
  }

  get #loudMs(): number {
    const toMs = this.#answeredMs;
    return this.#loud.reduce((sum, one) => sum + Math.max(0, Math.min(one.endMs, toMs) - one.startMs), 0);
  }

  /** Since the first loud sound. */
  get #lengthMs(): number {
    return Math.max(0, this.#answeredMs - (this.#loud[0]?.startMs ?? this.#answeredMs));
  }

  #judge(): Answer {
    const toMs = this.#answeredMs;
    const [loudMs, lengthMs] = [this.#loudMs, this.#lengthMs];
    if (this.#state.name === 'doubting') {
      return toMs < this.#state.toMs - 1 ? { results: [] } : this.#agree();
    }
    const patienceMs = this.#patienceMs * this.#timesPatience;
    const isLoud = this.#passed.loudMs + loudMs >= patienceMs / 2;
    if (loudMs > 0 && isLoud && this.#passed.lengthMs + lengthMs >= patienceMs) {
      this.#state = { name: 'doubting', toMs };
      return { results: [], finding: 'deaf' };
    }
    const quietSinceMs = this.#loud.findLast(({ startMs }) => startMs < toMs)?.endMs ?? 0;
    if (loudMs < shortestSpeechMs && toMs - quietSinceMs >= quietMs) return { results: this.#letGo() };
    return { results: lengthMs >= 2 * this.#patienceMs ? this.#pass() : [] };
  }

  #agree(): Answer {
    this.#state = { name: 'agreed' };
    this.#askedInVain();
    return { results: this.#letGo(), finding: 'agreed' };
  }

  /** A text bears out everything before it. */
  #worded({ words, startMs }: RecognizedSpan): RecognizedSpan[] {
    const fromMs = this.#fromMs + (words[0]?.startMs ?? startMs);
    if (this.#state.name === 'doubting') {
      if (fromMs < this.#state.toMs) this.#timesPatience = 1;
      else this.#askedInVain();
    }
    this.#state = { name: 'listening' };
    this.#passed = { loudMs: 0, lengthMs: 0 };
    return this.#letGo();
  }

  #askedInVain(): void {
    this.#timesPatience = Math.min(mostPatience, 2 * this.#timesPatience);
  }

  #pass(): RecognizedSpan[] {
    this.#passed = {
      loudMs: this.#passed.loudMs + this.#loudMs,
      lengthMs: this.#passed.lengthMs + this.#lengthMs,
    };
    return this.#letGo();
  }

  #letGo(): RecognizedSpan[] {
    const toMs = this.#answeredMs;
    this.#loud = this.#loud.flatMap(({ startMs, endMs }) =>
      endMs <= toMs ? [] : [{ startMs: Math.max(startMs, toMs), endMs }],
    );
    return this.#held.splice(0);
  }

  /** Whether there are words in it that nobody has said before. */
  #isText({ text, words, startMs, endMs }: RecognizedSpan): boolean {
    if (text === '') return false;
    const boundaryMs = this.#boundaryMs - this.#fromMs;
    if (words.length === 0) return (startMs + endMs) / 2 > boundaryMs;
    return words.some((word) => word.endMs > boundaryMs + sameWordMs);
  }
}

/** Without what may be the beginning of a word: nobody says yet that nothing was said there. */
function certainOf(final: RecognizedSpan, stopMs: number): RecognizedSpan {
  const { startMs, endMs, text, words } = final;
  if (text !== '' && words.length === 0) return final; // Nothing to go by.
  const wordedMs = words.at(-1)?.endMs ?? startMs;
  return { ...final, endMs: Math.min(endMs, Math.max(wordedMs, stopMs - begunWordMs)) };
}
