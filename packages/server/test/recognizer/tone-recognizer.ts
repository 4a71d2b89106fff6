/** A recognizer without a network: it hears the tone language in this process, and fails where it is told to. */

import { Transcriber } from '@meetcast/testing';
import { AsyncQueue } from '../../src/lib/async-queue.ts';
import { RecognizerError } from '../../src/lib/errors.ts';
import { type DeepgramMessage, resultOf } from '../../src/recognizer/deepgram-results.ts';
import type {
  RecognitionResult,
  Recognizer,
  RecognizerRequest,
  RecognizerStream,
} from '../../src/recognizer/recognizer.ts';

/** What becomes of one stream. One that is deaf answers still, without a word. */
export interface Fate {
  readonly kind: 'lost' | 'clean' | 'silent' | 'refused' | 'deaf';
  /** Once so many bytes were written. */
  readonly afterBytes: number;
  /** So many of the last results do not arrive any more. Only of a stream that is lost. */
  readonly swallows?: number;
}

interface Network {
  speed: 'fast' | 'slow' | 'stuck';
}

export interface ToneRecognizer extends Recognizer {
  /** Everything that was ever opened, oldest first. */
  readonly streams: readonly ToneStream[];
  /** Reasons why the next handshakes are refused, in order. */
  readonly refusals: RecognizerError[];
  /** Fates of the next streams, in order; `undefined` for one that does well. */
  readonly fates: (Fate | undefined)[];
  /** From now on streams take each write one turn later, or never. */
  crawl(): void;
  stall(): void;
}

export const passing = (): RecognizerError =>
  new RecognizerError('too many streams', { retryable: true, code: 429 });
export const final = (): RecognizerError =>
  new RecognizerError('out of credit', { retryable: false, code: 402 });

export function toneRecognizer({ multichannel = false } = {}): ToneRecognizer {
  const streams: ToneStream[] = [];
  const refusals: RecognizerError[] = [];
  const fates: (Fate | undefined)[] = [];
  const network: Network = { speed: 'fast' };
  return {
    crawl() {
      network.speed = 'slow';
    },
    stall() {
      network.speed = 'stuck';
    },
    streams,
    refusals,
    fates,
    channelsFor: ({ channels }) => (multichannel ? channels : 1),
    async open(request, signal) {
      signal.throwIfAborted();
      for (let step = 0; step < 10; step += 1) await undefined;
      signal.throwIfAborted();
      const refusal = refusals.shift();
      if (refusal) throw refusal;
      const stream = new ToneStream(request, multichannel, network, fates.shift());
      streams.push(stream);
      return stream;
    },
  };
}

class ToneStream implements RecognizerStream {
  readonly channels: number;
  readonly results = new AsyncQueue<RecognitionResult>();
  readonly #transcriber: Transcriber;
  readonly #fate: Fate | undefined;
  readonly #network: Readonly<Network>;
  #waiting: (() => void)[] = [];
  /** Said and not delivered yet. */
  #late: RecognitionResult[] = [];
  #fell = false;
  #isDeaf = false;
  #endsItself = true;
  isOpen = true;
  bytes = 0;
  flushes = 0;
  abortedFor: RecognizerError | undefined;

  constructor(
    request: RecognizerRequest,
    multichannel: boolean,
    network: Readonly<Network>,
    fate: Fate | undefined,
  ) {
    this.#network = network;
    const { sampleRate, channels } = request;
    this.channels = multichannel ? channels : 1;
    this.#fate = fate;
    const settings = {
      model: 'nova-3',
      encoding: 'linear16',
      language: 'en',
      sampleRate,
      channels,
      multichannel,
      interimResults: true,
      endpointingMs: 300,
      utteranceEndMs: 1_000,
      vadEvents: false,
      punctuate: true,
      diarize: false,
      detectEntities: false,
      extra: undefined,
    };
    this.#transcriber = new Transcriber({ requestId: 'tone', settings }, 'now');
  }

  write(audio: Uint8Array): Promise<void> | undefined {
    if (!this.isOpen || this.#fell) return undefined;
    const left = this.#fate && !this.#isDeaf ? Math.max(0, this.#fate.afterBytes - this.bytes) : audio.length;
    const heard = audio.subarray(0, left);
    this.bytes += heard.length;
    this.#say(this.#transcriber.hear(heard));
    if (this.#fate && !this.#isDeaf && this.bytes >= this.#fate.afterBytes) {
      this.#fall(this.#fate);
      if (this.#isDeaf) return this.write(audio.subarray(left));
    }
    if (this.#network.speed === 'fast' || !this.isOpen) return undefined;
    if (this.#network.speed === 'slow') return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  flush(): void {
    this.flushes += 1;
    if (!this.#fell) this.#say(this.#transcriber.finalize());
  }

  finish(): void {
    if (!this.isOpen || this.#fell) return;
    this.#say(this.#transcriber.finish());
    this.#deliver(this.#late.length);
    if (this.#endsItself) this.#end({});
  }

  abort(failure?: RecognizerError): void {
    this.abortedFor ??= failure;
    this.#end({});
  }

  /** From now on it tells everything and does not end by itself. */
  neverEnd(): void {
    this.#endsItself = false;
  }

  /** Hurts it now. */
  fall(kind: Fate['kind']): void {
    this.#fall({ kind, afterBytes: 0 });
  }

  #fall({ kind }: Fate): void {
    this.#isDeaf = kind === 'deaf';
    if (this.#isDeaf) return;
    this.#fell = true;
    if (kind === 'silent' || !this.isOpen) return;
    const code = kind === 'clean' ? 1000 : 1006;
    this.#end({
      error: kind === 'refused' ? final() : new RecognizerError('gone', { retryable: true, code }),
    });
  }

  #say(messages: readonly unknown[]): void {
    const results = messages.flatMap((message) => resultOf(message as DeepgramMessage, 0) ?? []);
    this.#late.push(...(this.#isDeaf ? results.map(unheard) : results));
    this.#deliver(this.#late.length - (this.#fate?.swallows ?? 0));
  }

  #deliver(count: number): void {
    for (const result of this.#late.splice(0, Math.max(0, count))) this.results.push(result);
  }

  #end(outcome: { error?: unknown }): void {
    this.isOpen = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.results.end(outcome);
  }
}

const unheard = (result: RecognitionResult): RecognitionResult =>
  result.kind === 'span' ? { ...result, text: '', words: [] } : result;
