/** Hears words of the tone language in a stream of PCM bytes, in constant memory. */

import { type BlockTones, blockAnalyser, speakerOfSymbol, wordOfSymbol } from './block-tones.ts';
import { type Burst, BurstTracker } from './bursts.ts';
import { blockSeconds, decimationOf, PcmBlocks, type PcmFormat } from './pcm-blocks.ts';
import { toneTiming } from './tones.ts';
import { vocabulary } from './vocabulary.ts';

export interface HeardWord {
  word: string;
  /** Seconds from the first sample. */
  start: number;
  end: number;
  /** 0 to 1: how little else was heard beside the word. */
  confidence: number;
  /** 0 to 3. */
  speaker: number;
}

const blocksPerWord = toneTiming.wordMs / 1000 / blockSeconds;
/** Clearly more than half: of a word cut in two, at most one half may count. */
const shortestShare = 0.55;
const longestShare = 2;
/** A burst whose first blocks are too faint to know may already have begun this many blocks ago. */
const onsetBlocks = 2;
const highestConfidence = 0.9995;

/**
 * Follows one voice at a time. Two at once on one channel give no word, as a rule; where their words share a tone and
 * that tone happens to cancel itself out, what remains is a third word, and nothing can tell. Two voices want two channels.
 */
export class ToneDecoder {
  readonly #blocks: PcmBlocks;
  readonly #analyse: (block: Float64Array) => BlockTones;
  readonly #bursts = new BurstTracker(shortestShare * blocksPerWord, longestShare * blocksPerWord);

  constructor(format: PcmFormat) {
    const { sampleRate, channels = 1, channel } = format;
    if (!(sampleRate >= 8000)) throw new TypeError(`sampleRate must be at least 8000, got ${sampleRate}`);
    if (!(channels >= 1)) throw new TypeError(`channels must be at least 1, got ${channels}`);
    if (channel !== undefined && !(channel >= 0 && channel < channels)) {
      throw new TypeError(`channel must be 0 to ${channels - 1}, got ${channel}`);
    }
    const decimation = decimationOf(sampleRate);
    const longest = Math.ceil((sampleRate / decimation) * blockSeconds) + 1;
    this.#blocks = new PcmBlocks(format);
    this.#analyse = blockAnalyser(sampleRate, decimation, longest);
  }

  /** Any piece of the stream, split anywhere; returns the words that became complete. */
  write(bytes: Uint8Array): HeardWord[] {
    const heard: HeardWord[] = [];
    this.#blocks.read(bytes, (block) => this.#hear(block, heard));
    return heard;
  }

  /** The stream is over: a word that was cut off counts when most of it was heard. */
  end(): HeardWord[] {
    const heard: HeardWord[] = [];
    this.#blocks.end((block) => this.#hear(block, heard));
    const last = this.#bursts.end();
    if (last) heard.push(heardWord(last));
    return heard;
  }

  /** When the word that is being said began, in seconds; undefined while nobody speaks. */
  get speakingSince(): number | undefined {
    const since = this.#bursts.soundingSince;
    return since === undefined ? undefined : since * blockSeconds;
  }

  /** All words that begin before this time have been returned. */
  get settledSeconds(): number {
    return this.speakingSince ?? Math.max(0, this.#bursts.heard - onsetBlocks) * blockSeconds;
  }

  #hear(block: Float64Array, heard: HeardWord[]): void {
    const burst = this.#bursts.hear(this.#analyse(block));
    if (burst) heard.push(heardWord(burst));
  }
}

function heardWord({ symbol, start, end, purity }: Burst): HeardWord {
  return {
    word: vocabulary[wordOfSymbol(symbol)] ?? '',
    start: start * blockSeconds,
    end: end * blockSeconds,
    confidence: Math.min(purity, highestConfidence),
    speaker: speakerOfSymbol(symbol),
  };
}
