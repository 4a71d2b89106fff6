/** Recognition results to utterances: one number from first partial to final. Pure; stream time in, stream time out. */
import type { RecognitionResult, RecognizedSpan, RecognizedWord, Unheard } from '../recognizer/recognizer.ts';
import { withWords } from '../recognizer/span.ts';

/** One speaker's stretch of text, so far or for good. Times are milliseconds of the recognizer's stream. */
export interface Utterance {
  /** 0, 1, 2 … per segmenter: the same from the first partial to the final. */
  readonly index: number;
  readonly channel: number;
  readonly isFinal: boolean;
  readonly startMs: number;
  readonly endMs: number;
  readonly text: string;
  readonly speaker: string | undefined;
  readonly confidence: number | undefined;
  readonly language: string | undefined;
  /** Only on a final, and only if the recognizer gave the times of all of them. */
  readonly words: readonly RecognizedWord[];
  /** What the recognizer said for it, in order; only on a final. */
  readonly raw: readonly string[];
  /** On a final: every word before this time is in a final up to this one. */
  readonly settledMs: number;
}

/** Final words of a channel that wait for the end of their utterance. */
interface Open {
  readonly index: number;
  readonly speaker: string | undefined;
  readonly spans: readonly Piece[];
}

/** The part of a span that one speaker said. */
interface Piece {
  readonly startMs: number;
  readonly endMs: number;
  readonly text: string;
  readonly words: readonly RecognizedWord[];
  readonly speaker: string | undefined;
  readonly confidence: number | undefined;
  readonly language: string | undefined;
  readonly raw: string | undefined;
}

interface Channel {
  readonly number: number;
  open: Open | undefined;
  /** The index a partial already shows, before any final word of it came. */
  shown: number | undefined;
  /** Where what it shows begins. */
  shownFromMs: number;
  /** End of the last final span. */
  heardMs: number;
}

/** Length past which an utterance is ended at the next final span, so that nobody waits for a speaker to breathe. */
const longestUtteranceMs = 15_000;

/**
 * Deepgram's rule, which fits others too: append each final span, end the utterance at a pause. A change of speaker
 * ends it as well.
 */
export class Segmenter {
  readonly #channels = new Map<number, Channel>();
  #nextIndex = 0;

  /** `channels`: how many channels the results are of; each has utterances of its own. */
  constructor(channels = 1) {
    for (let channel = 0; channel < channels; channel += 1) this.#channel(channel);
  }

  accept(result: RecognitionResult): Utterance[] {
    if (result.kind === 'state') return [];
    if (result.kind === 'unheard') return this.#acceptUnheard(result);
    const channel = this.#channel(result.channel);
    if (result.kind === 'utterance-end') return this.#endUtterance(channel);
    return result.isFinal ? this.#acceptFinal(channel, result) : this.#acceptPartial(channel, result);
  }

  /** Ends every utterance that still waits: no more audio comes. */
  end(): Utterance[] {
    return [...this.#channels.values()].flatMap((channel) => this.#endUtterance(channel));
  }

  /** Every word before this time is in a final. */
  get settledMs(): number {
    const settled = [...this.#channels.values()].map(
      ({ open, heardMs }) => open?.spans[0]?.startMs ?? heardMs,
    );
    return settled.length === 0 ? 0 : Math.min(...settled);
  }

  #channel(number: number): Channel {
    let channel = this.#channels.get(number);
    if (!channel) {
      channel = { number, open: undefined, shown: undefined, shownFromMs: 0, heardMs: 0 };
      this.#channels.set(number, channel);
    }
    return channel;
  }

  /**
   * Nothing that is said later can go on with what was said before the hole. It settles as silence would, unless its
   * sender may still have it.
   */
  #acceptUnheard({ endMs, cause }: Unheard): Utterance[] {
    return [...this.#channels.values()].flatMap((channel) => {
      if (cause !== 'refused') channel.heardMs = Math.max(channel.heardMs, endMs);
      return channel.open ? this.#endUtterance(channel) : this.#withdraw(channel, endMs);
    });
  }

  /** A partial that no final confirms is taken back. */
  #withdraw(channel: Channel, endMs: number): Utterance[] {
    if (channel.shown === undefined) return [];
    const nothing: Piece = { ...emptyPiece, startMs: endMs, endMs };
    return [this.#utterance(channel, channel.shown, [nothing], false)];
  }

  #acceptPartial(channel: Channel, span: RecognizedSpan): Utterance[] {
    if (span.text === '') return [];
    channel.shown ??= this.#nextIndex++;
    const spans = [...(channel.open?.spans ?? []), pieceOf(span)];
    channel.shownFromMs = Math.min(...spans.map(({ startMs }) => startMs));
    return [this.#utterance(channel, channel.shown, spans, false)];
  }

  #acceptFinal(channel: Channel, span: RecognizedSpan): Utterance[] {
    channel.heardMs = Math.max(channel.heardMs, span.endMs);
    const finals: Utterance[] = [];
    for (const piece of piecesOf(span)) {
      const { speaker } = piece;
      if (channel.open && channel.open.speaker !== speaker) finals.push(...this.#endUtterance(channel));
      channel.shown ??= this.#nextIndex++;
      channel.open = { index: channel.shown, speaker, spans: [...(channel.open?.spans ?? []), piece] };
    }
    const startMs = channel.open?.spans[0]?.startMs ?? span.endMs;
    const isLong = span.endMs - startMs >= longestUtteranceMs;
    if (channel.open && (span.endsUtterance || isLong)) return [...finals, ...this.#endUtterance(channel)];
    return [...finals, ...this.#progress(channel, span)];
  }

  /** What a partial should show now. Empty text when what it showed turned out to be nothing. */
  #progress(channel: Channel, span: RecognizedSpan): Utterance[] {
    if (channel.open)
      return span.text === ''
        ? []
        : [this.#utterance(channel, channel.open.index, channel.open.spans, false)];
    // Silence before what is shown says nothing of it.
    return channel.shown === undefined || span.endMs <= channel.shownFromMs
      ? []
      : [this.#utterance(channel, channel.shown, [pieceOf(span)], false)];
  }

  #endUtterance(channel: Channel): Utterance[] {
    const { open } = channel;
    if (!open) return [];
    channel.open = undefined;
    channel.shown = undefined;
    return [this.#utterance(channel, open.index, open.spans, true)];
  }

  #utterance({ number }: Channel, index: number, spans: readonly Piece[], isFinal: boolean): Utterance {
    const endMs = Math.max(...spans.map((span) => span.endMs));
    return {
      index,
      channel: number,
      isFinal,
      startMs: Math.min(...spans.map((span) => span.startMs)),
      endMs,
      text: spans.map(({ text }) => text).join(' '),
      speaker: spans[0]?.speaker,
      confidence: mean(spans.flatMap(({ confidence }) => confidence ?? [])),
      language: spans[0]?.language,
      words:
        isFinal && spans.every(({ text, words }) => text === '' || words.length > 0)
          ? spans.flatMap(({ words }) => words)
          : [],
      raw: isFinal ? [...new Set(spans.flatMap(({ raw }) => raw ?? []))] : [],
      // A final of one channel must not vouch for words that another still holds.
      settledMs: isFinal ? Math.min(endMs, this.settledMs) : 0,
    };
  }
}

const emptyPiece = {
  text: '',
  words: [],
  speaker: undefined,
  confidence: undefined,
  language: undefined,
  raw: undefined,
};

const mean = (values: number[]) =>
  values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;

/** A final span cut where the speaker changes. */
function piecesOf(span: RecognizedSpan): Piece[] {
  if (span.text === '') return [];
  const runs: RecognizedWord[][] = [];
  for (const word of span.words) {
    const run = runs.at(-1);
    if (run && run[0]?.speaker === word.speaker) run.push(word);
    else runs.push([word]);
  }
  if (runs.length <= 1) return [pieceOf(span)];
  return runs.map((words) => pieceOf(withWords(span, words)));
}

const pieceOf = ({ startMs, endMs, text, words, confidence, language, raw }: RecognizedSpan): Piece => ({
  startMs: words[0]?.startMs ?? startMs,
  endMs: words.at(-1)?.endMs ?? endMs,
  text,
  words,
  speaker: words[0]?.speaker,
  confidence,
  language,
  raw,
});
