/** Several recognizer streams, one after the other, as one: their results on one clock, every word once. No I/O. */
import type {
  RecognitionResult,
  RecognizedSpan,
  RecognizedWord,
  UtteranceEnd,
} from '../recognizer/recognizer.ts';
import { shifted } from '../recognizer/span.ts';
import { replayStart, type Takeover, withoutSaid } from './takeover.ts';

interface Channel {
  /** End of the last final span. */
  reachedMs: number;
  /** Words of finals of the last seconds, and at least the last one. */
  said: RecognizedWord[];
  /** End of the last final text whose words have no times: nothing can be told apart in it. */
  blindMs: number;
  /** How far partials have got. */
  shownMs: number;
  /** Whether words wait for the end of their utterance. */
  isOpen: boolean;
  /** How far the present stream's own finals have got. */
  toldMs: number;
  takeover: Takeover;
}

const saidForMs = 4_000;
/** A recognizer would have ended an utterance after such a pause. */
const longPauseMs = 2_000;
/** Times are rounded to milliseconds. */
const roundingMs = 1;

export class Merge {
  readonly #channels: Channel[];
  /** Where the present stream's time begins. */
  #fromMs = 0;

  constructor(channels: number) {
    this.#channels = Array.from({ length: channels }, () => ({
      reachedMs: 0,
      said: [],
      blindMs: 0,
      shownMs: 0,
      isOpen: false,
      toldMs: 0,
      takeover: { boundaryMs: 0, said: [], shownMs: 0 },
    }));
  }

  /** Everything before this is final on every channel. */
  get reachedMs(): number {
    return Math.min(...this.reached);
  }

  /** Everything before this is final, per channel. Milliseconds. */
  get reached(): readonly number[] {
    return this.#channels.map(({ reachedMs }) => reachedMs);
  }

  /** Audio from here on would have to be sent to another stream. Never goes back. */
  get replayFromMs(): number {
    return Math.min(...this.#channels.map(replayStartOf));
  }

  /** The present stream is lost: the utterances that nobody would end any more. */
  lose(): UtteranceEnd[] {
    return this.#endWhere(({ said, reachedMs }) => reachedMs - (said.at(-1)?.endMs ?? 0) >= longPauseMs);
  }

  /** Ends the utterances that still wait on channels heard past `ms`: the speaker paused. */
  pause(ms: number): UtteranceEnd[] {
    return this.#endWhere(({ reachedMs }) => reachedMs >= ms);
  }

  /** What the present stream was asked for and has not told up to here is quiet: as if it had told so. */
  quiet(ms: number): RecognizedSpan[] {
    return this.#channels.flatMap((channel, number) => {
      const startMs = channel.reachedMs;
      if (startMs >= ms - roundingMs) return [];
      Object.assign(channel, {
        reachedMs: ms,
        takeover: { ...channel.takeover, boundaryMs: ms, said: [...channel.said] },
      });
      const about = { kind: 'span', channel: number, isFinal: true, endsUtterance: false } as const;
      return [{ ...about, startMs, endMs: ms, text: '', words: [] }];
    });
  }

  /** A stream begins whose first sample stands at `fromMs`. What lies between is given up. */
  begin(fromMs: number): void {
    this.#fromMs = fromMs;
    for (const channel of this.#channels) {
      if (channel.reachedMs < fromMs) Object.assign(channel, { said: [], isOpen: false });
      channel.reachedMs = Math.max(channel.reachedMs, fromMs);
      channel.toldMs = fromMs;
      const { reachedMs, said, shownMs } = channel;
      channel.takeover = { boundaryMs: reachedMs, said: [...said], shownMs };
    }
  }

  /** A result of the present stream, on its own clock: what of it is new. */
  accept(result: RecognitionResult): RecognitionResult[] {
    if (result.kind === 'state' || result.kind === 'unheard') return [];
    const channel = this.#channels[result.channel];
    if (!channel) return [];
    if (result.kind === 'utterance-end') return this.#endOf(channel, result);
    const span = shifted(result, this.#fromMs);
    return span.isFinal ? this.#final(channel, span) : this.#partial(channel, span);
  }

  /** An end that the stream gave before it told again what was said belongs to an earlier utterance, ended long ago. */
  #endOf(channel: Channel, end: UtteranceEnd): UtteranceEnd[] {
    if (channel.toldMs + roundingMs < (channel.said.at(-1)?.endMs ?? 0)) return [];
    channel.isOpen = false;
    return [end];
  }

  #partial(channel: Channel, span: RecognizedSpan): RecognizedSpan[] {
    const rest = withoutSaid(span, channel.takeover);
    if (!rest) return [];
    channel.shownMs = rest.endMs;
    return [rest];
  }

  #final(channel: Channel, span: RecognizedSpan): RecognitionResult[] {
    channel.toldMs = span.endMs;
    const rest = withoutSaid(span, channel.takeover);
    const { channel: number } = span;
    if (!rest)
      return span.endsUtterance && channel.isOpen
        ? this.#endOf(channel, { kind: 'utterance-end', channel: number })
        : [];
    channel.reachedMs = Math.max(channel.reachedMs, rest.endMs);
    channel.said.push(...rest.words);
    if (rest.text !== '' && rest.words.length === 0) channel.blindMs = rest.endMs;
    if (rest.text !== '') channel.isOpen = true;
    if (rest.endsUtterance) channel.isOpen = false;
    while (
      channel.said.length > 1 &&
      (channel.said[0] as RecognizedWord).endMs < channel.reachedMs - saidForMs
    )
      channel.said.shift();
    return [rest];
  }

  #endWhere(applies: (channel: Channel) => boolean): UtteranceEnd[] {
    return this.#channels.flatMap((channel, number) => {
      if (!channel.isOpen || !applies(channel)) return [];
      channel.isOpen = false;
      return [{ kind: 'utterance-end', channel: number } as const];
    });
  }
}

/** Of an utterance that waits for its end the last word is heard again, so that the pause behind it is. */
function replayStartOf({ reachedMs, said, blindMs, isOpen }: Channel): number {
  const last = said.at(-1);
  const isNear = last !== undefined && reachedMs - last.endMs < longPauseMs;
  return replayStart(
    { boundaryMs: reachedMs, said },
    { fromMs: blindMs, again: isOpen && isNear ? last : undefined },
  );
}
