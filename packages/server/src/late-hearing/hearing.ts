/** Has audio heard that nobody heard in time: its words go into the log as the repair of its gap, without a partial. */
import type { Gap } from '@meetcast/protocol';
import { isNamed, RecognizerError } from '../lib/errors.ts';
import { present } from '../lib/present.ts';
import { recognizerText } from '../lib/sentences.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import { bytesOf, msOf } from '../recognizer/pcm.ts';
import type { RecognizedSpan, Recognizer, RecognizerStream } from '../recognizer/recognizer.ts';
import { shifted } from '../recognizer/span.ts';
import type { Numbering, Registry } from '../registry/registry.ts';
import { AlreadySaid } from '../transcription/already-said.ts';
import { entryOf, rawOf, wordsOf } from '../transcription/entry.ts';
import { Segmenter, type Utterance } from '../transcription/segmenter.ts';
import { SkippedAudio } from '../transcription/skipped-audio.ts';
import { numberingFor } from '../transcription/utterance-numbers.ts';
import type { Kept } from './kept.ts';

export interface HearingOptions {
  readonly kept: Kept;
  readonly gap: Gap;
  readonly log: TranscriptLog;
  readonly registry: Registry;
  readonly recognizer: Recognizer;
  readonly signal: AbortSignal;
}

/** Heard again before the first word that is not in the log, so that this one is heard whole. */
const leadInMs = 500;

/**
 * Resolves when every word is in the log. Rejects with the recognizer's failure, with a StaleEpochError if the meeting was
 * forgotten, or when the signal aborts: what is in the log by then is not said the next time.
 */
export async function hear(options: HearingOptions): Promise<void> {
  const { kept, recognizer, signal } = options;
  const { format, source, language, saidMs } = kept.leftover;
  const skip = bytesOf(Math.max(0, Math.min(...saidMs) - leadInMs), format);
  const request = { ...format, source, ...present({ language }) };
  const stream = await recognizer.open(request, signal);
  const over = new AbortController();
  const abort = () => stream.abort();
  signal.addEventListener('abort', abort, { once: true });
  const fed = feed(stream, kept, skip, over.signal);
  try {
    if (stream.channels !== saidMs.length)
      throw new Error(recognizerText.wrongChannels(stream.channels, saidMs.length));
    await say(stream, options, msOf(skip, format));
    signal.throwIfAborted();
    const failure = await fed;
    if (failure) throw failure.error;
  } finally {
    signal.removeEventListener('abort', abort);
    over.abort();
    stream.abort();
    await fed;
  }
}

/** Never rejects. Why not all of it was written, if that was not `over`. */
async function feed(
  stream: RecognizerStream,
  { audio }: Kept,
  skip: number,
  over: AbortSignal,
): Promise<{ error: unknown } | undefined> {
  try {
    for await (const piece of audio.read(skip)) {
      await stream.write(piece);
      if (over.aborted) return undefined;
    }
    stream.finish();
    return undefined;
  } catch (error) {
    stream.abort();
    return { error };
  }
}

/** `skippedMs`: where in the audio the stream begins. */
async function say(stream: RecognizerStream, options: HearingOptions, skippedMs: number): Promise<void> {
  const segmenter = new Segmenter(stream.channels);
  const holes = new SkippedAudio();
  const words = new LateWords(options);
  for await (const result of stream.results) {
    if (options.signal.aborted) return;
    // It is all still here, and is heard another time.
    if (result.kind === 'unheard') throw new RecognizerError(recognizerText.unavailable, { retryable: true });
    if (result.kind === 'state' || (result.kind === 'span' && !result.isFinal)) continue;
    const news = result.kind === 'span' ? words.withoutSaid(shifted(result, skippedMs)) : result;
    for (const piece of holes.cut(news, options.kept.leftover.offsets))
      for (const utterance of segmenter.accept(piece)) if (utterance.isFinal) await words.say(utterance);
  }
  if (options.signal.aborted) return;
  for (const utterance of segmenter.end()) await words.say(utterance);
}

/** Utterances on their way into the log, each once whatever happens between two of them. */
class LateWords {
  readonly #options: HearingOptions;
  readonly #alreadySaid: AlreadySaid;
  #numbering: Numbering | undefined;

  constructor(options: HearingOptions) {
    this.#options = options;
    this.#alreadySaid = new AlreadySaid([options.gap], new Map(options.kept.leftover.saidMs.entries()));
  }

  /** Without the words that are in the log. */
  withoutSaid(span: RecognizedSpan): RecognizedSpan {
    return this.#alreadySaid.withoutSaid(span, (streamMs) => streamMs);
  }

  async say(utterance: Utterance): Promise<void> {
    const { kept } = this.#options;
    const body = entryOf(utterance, await this.#segmentNo(), this.#place);
    if (body.text !== '') await this.#append(utterance, body);
    const { channel, endMs } = utterance;
    await kept.save({ saidMs: kept.leftover.saidMs.with(channel, endMs), saying: undefined });
  }

  async #append(utterance: Utterance, body: ReturnType<typeof entryOf>): Promise<void> {
    const { kept, log, gap, signal } = this.#options;
    const { channel, endMs } = utterance;
    const announce = (segmentNo: number) => kept.save({ saying: { segmentNo, ts: body.ts, channel, endMs } });
    const renumber = async () => {
      this.#numbering = undefined;
      const segmentNo = await this.#segmentNo();
      await announce(segmentNo);
      return segmentNo;
    };
    await announce(body.segment_no);
    signal.throwIfAborted();
    const final = { type: 'transcript.final' as const, ...body, repairs: gap.seq };
    const words = wordsOf(utterance, kept.leftover.offsets);
    const appending = { raw: rawOf(utterance), words, epoch: kept.leftover.epoch, renumber };
    await log.append(final, appending).catch(ifRefused);
  }

  get #place() {
    const { kept, log } = this.#options;
    const { source, offsets, saidMs } = kept.leftover;
    return { meeting: log.meeting, source, offsets, channels: saidMs.length };
  }

  async #segmentNo(): Promise<number> {
    const { log, registry } = this.#options;
    this.#numbering ??= await numberingFor(log, registry);
    return this.#numbering.next();
  }
}

/** Words that no store takes stay missing: the gap says so already. */
function ifRefused(error: unknown): undefined {
  if (!isNamed('EntryRefusedError', error)) throw error;
}
