/** When one channel's words are told: the rules for interims, finals, endpoints and utterance ends, in audio time. */

import type { ListenSettings } from '../simulator/listen-settings.ts';
import type { HeardWord } from './tone-decoder.ts';

/** What there is to tell; times are seconds of audio on this stream. */
export type Told =
  | { name: 'speech-started'; at: number }
  | { name: 'utterance-end'; lastWordEnd: number }
  | { name: 'interim'; start: number; end: number; words: HeardWord[] }
  | {
      name: 'final';
      start: number;
      end: number;
      words: HeardWord[];
      endOfSpeech: boolean;
      fromFinalize: boolean;
    };

/** What the decoder knows after a step of audio. */
export interface Hearing {
  /** Seconds of audio so far. */
  now: number;
  /** Every word that begins before this time is in `words`, now or earlier. */
  settled: number;
  speakingSince: number | undefined;
  words: HeardWord[];
}

const interimSeconds = 1;
/** A final comes after this much audio at the latest, unless one word goes on. */
const finalSeconds = 4;
/** Silence after which the next word starts speech anew, for `vad_events`. */
const speechPauseSeconds = 0.5;

export class ChannelTimeline {
  readonly #settings: ListenSettings;
  #pending: HeardWord[] = [];
  #finalEnd = 0;
  #lastInterim = 0;
  #lastWordEnd = Number.NEGATIVE_INFINITY;
  #speechOpen = false;
  #voiced = false;
  #utterance: { lastWordEnd: number } | undefined;

  constructor(settings: ListenSettings) {
    this.#settings = settings;
  }

  hear(hearing: Hearing): Told[] {
    this.#take(hearing.words);
    return [
      ...this.#speechStarted(hearing),
      ...this.#interim(hearing),
      ...this.#final(hearing),
      ...this.#utteranceEnd(hearing),
    ];
  }

  /** Everything that is certain becomes final; a word still being said waits for its end. */
  finalize(hearing: Hearing): Told[] {
    this.#take(hearing.words);
    if (hearing.settled <= this.#finalEnd) return [];
    return [this.#cut(hearing.settled, this.#pending.length, { endOfSpeech: false, fromFinalize: true })];
  }

  /** The audio is over. */
  finish(now: number, words: HeardWord[]): Told[] {
    this.#take(words);
    if (now <= this.#finalEnd) return [];
    const endOfSpeech = this.#speechOpen;
    return [this.#cut(now, this.#pending.length, { endOfSpeech, fromFinalize: false })];
  }

  #take(words: HeardWord[]): void {
    this.#pending.push(...words);
    const last = words.at(-1);
    if (!last) return;
    this.#lastWordEnd = last.end;
    this.#speechOpen = true;
  }

  #speechStarted({ now, speakingSince }: Hearing): Told[] {
    if (speakingSince === undefined) {
      if (now - this.#lastWordEnd >= speechPauseSeconds) this.#voiced = false;
      return [];
    }
    if (this.#voiced) return [];
    this.#voiced = true;
    return this.#settings.vadEvents ? [{ name: 'speech-started', at: speakingSince }] : [];
  }

  #final(hearing: Hearing): Told[] {
    const { settled, speakingSince, now } = hearing;
    if (settled <= this.#finalEnd) return [];
    const { endpointingMs } = this.#settings;
    const silence = speakingSince === undefined ? settled - this.#lastWordEnd : 0;
    if (endpointingMs !== undefined && this.#speechOpen && silence > 0 && silence >= endpointingMs / 1000) {
      return [this.#cut(settled, this.#pending.length, { endOfSpeech: true, fromFinalize: false })];
    }
    if (now - this.#finalEnd < finalSeconds) return [];
    return [this.#lengthFinal(settled, now)];
  }

  /** Keeps the newest word back while speech goes on, so that interims reach past the final, as Deepgram's do. */
  #lengthFinal(settled: number, now: number): Told {
    const plain = { endOfSpeech: false, fromFinalize: false };
    const newest = this.#pending.at(-1);
    const before = this.#pending.at(-2);
    const goesOn = newest !== undefined && now - newest.end < speechPauseSeconds;
    if (!goesOn || !before) return this.#cut(settled, this.#pending.length, plain);
    return this.#cut((before.end + newest.start) / 2, this.#pending.length - 1, plain);
  }

  #cut(end: number, count: number, marks: { endOfSpeech: boolean; fromFinalize: boolean }): Told {
    const words = this.#pending.splice(0, count);
    const start = this.#finalEnd;
    this.#finalEnd = end;
    const last = words.at(-1);
    if (last) this.#utterance = { lastWordEnd: last.end };
    if (marks.endOfSpeech) this.#speechOpen = false;
    return { name: 'final', start, end, words, ...marks };
  }

  /** Due when no word began within `utterance_end_ms` after the last finalized one; speech may have resumed since. */
  #utteranceEnd({ now, speakingSince }: Hearing): Told[] {
    const { utteranceEndMs } = this.#settings;
    if (utteranceEndMs === undefined || !this.#utterance) return [];
    const { lastWordEnd } = this.#utterance;
    const nextWord = this.#pending[0]?.start ?? speakingSince ?? now;
    const gapMs = (nextWord - lastWordEnd) * 1000;
    if (gapMs < utteranceEndMs) return [];
    this.#utterance = undefined;
    return [{ name: 'utterance-end', lastWordEnd }];
  }

  #interim({ now }: Hearing): Told[] {
    if (!this.#settings.interimResults || now - this.#lastInterim < interimSeconds) return [];
    this.#lastInterim = now;
    return [{ name: 'interim', start: this.#finalEnd, end: now, words: [...this.#pending] }];
  }
}
