/** Deepgram Live as a recognizer, through its SDK. */

import { DeepgramClient } from '@deepgram/sdk';
import { checkOptions } from '@meetcast/protocol';
import { AsyncQueue } from '../lib/async-queue.ts';
import { RecognizerError } from '../lib/errors.ts';
import { present } from '../lib/present.ts';
import { deepgramText } from '../lib/sentences.ts';
import { resultOf } from './deepgram-results.ts';
import { DeepgramSocket, type Lost } from './deepgram-transport.ts';
import type {
  AudioFormat,
  RecognitionResult,
  Recognizer,
  RecognizerRequest,
  RecognizerStream,
} from './recognizer.ts';

export interface DeepgramOptions {
  apiKey: string;
  /** Default `nova-3`. */
  model?: string;
  /** Used when the sender names none, or `auto`. Default `multi`: several languages, switched between as spoken. */
  language?: string;
  /** Default Deepgram's own. A host that answers `/v1/listen`, with or without that path. */
  endpoint?: string;
  /** Results for each channel apart instead of all mixed. Default false. */
  multichannel?: boolean;
  /** Silence after which an utterance ends, in milliseconds. Default 300. */
  endpointingMs?: number;
  /** Default 10 000. */
  connectTimeoutMs?: number;
  /** Words to listen for. */
  keyterms?: readonly string[];
}

/** Deepgram ends a stream after 10 s without a frame. */
const keepAliveMs = 4_000;
/** It also ends one that never had audio, so a pause before the first word is bridged with this much silence. */
const bridgeMs = 100;

/** The SDK's own reconnect gives up at the first failed redial and reports a false close; it stays off. */
const withoutReconnect = { reconnect: false } as const;

const known = {
  apiKey: true,
  model: true,
  language: true,
  endpoint: true,
  multichannel: true,
  endpointingMs: true,
  connectTimeoutMs: true,
  keyterms: true,
} as const;

export function deepgram(options: DeepgramOptions): Recognizer {
  checkOptions('deepgram', options, known);
  if (typeof options.apiKey !== 'string' || options.apiKey.trim() === '') {
    throw new TypeError(
      'deepgram needs an apiKey, and got none: make one at https://console.deepgram.com and hand it in, for instance as process.env.DEEPGRAM_API_KEY',
    );
  }
  const endpoint = options.endpoint?.replace(/\/v1\/listen\/?$/, '');
  const channelsFor = ({ channels }: AudioFormat) => (options.multichannel === true ? channels : 1);
  return {
    channelsFor,
    async open(request, signal) {
      signal.throwIfAborted();
      let socket: DeepgramSocket | undefined;
      const client = new DeepgramClient({
        apiKey: options.apiKey,
        ...present({ baseUrl: endpoint }),
        ...withoutReconnect,
        transportFactory: (url, headers) => {
          socket = new DeepgramSocket(url, headers, options.connectTimeoutMs ?? 10_000);
          return socket;
        },
      });
      const listen = await client.listen.v1.connect(query(options, request));
      listen.connect();
      await undefined; // The SDK makes its transport one turn later.
      if (!socket) throw new RecognizerError(deepgramText.noConnection, { retryable: true });
      const abort = () => socket?.terminate();
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort(); // While the SDK was getting ready.
      try {
        await socket.opened;
      } finally {
        signal.removeEventListener('abort', abort);
      }
      return new DeepgramStream(listen, socket, request, channelsFor(request));
    },
  };
}

function query(options: DeepgramOptions, request: RecognizerRequest) {
  const asked = request.language === 'auto' ? undefined : request.language;
  return {
    model: options.model ?? 'nova-3',
    language: asked ?? options.language ?? 'multi',
    encoding: 'linear16',
    sample_rate: request.sampleRate,
    channels: request.channels,
    multichannel: options.multichannel === true ? 'true' : 'false',
    interim_results: 'true',
    punctuate: 'true',
    smart_format: 'true',
    diarize: 'true',
    endpointing: options.endpointingMs ?? 300,
    utterance_end_ms: 1000,
    vad_events: 'false',
    reconnectAttempts: 0,
    ...present({ keyterm: options.keyterms && [...options.keyterms] }),
  } as const;
}

type Listen = Awaited<ReturnType<DeepgramClient['listen']['v1']['connect']>>;

/*
 *   open ──finish──▶ finishing ──┬──▶ ended
 *     └──────────────────────────┘
 */
class DeepgramStream implements RecognizerStream {
  readonly channels: number;
  readonly results = new AsyncQueue<RecognitionResult>();
  readonly #listen: Listen;
  readonly #socket: DeepgramSocket;
  readonly #request: RecognizerRequest;
  readonly #keepAlive: NodeJS.Timeout;
  #state: 'open' | 'finishing' | 'ended' = 'open';
  /** Whether the summary came, which follows the last words: a close without it is a loss, however clean. */
  #isSummedUp = false;
  /** Not by the system's clock: one that is set back would let the stream be closed as idle. */
  #wroteAt = performance.now();
  #hasAudio = false;
  /** Silence written before the first audio; not part of the stream's time. */
  #bridgedMs = 0;

  constructor(listen: Listen, socket: DeepgramSocket, request: RecognizerRequest, channels: number) {
    this.#listen = listen;
    this.#socket = socket;
    this.#request = request;
    this.channels = channels;
    this.#keepAlive = setInterval(() => this.#keepOpen(), keepAliveMs / 2);
    listen.on('message', (message) => {
      const result = resultOf(message, this.#bridgedMs);
      if (result) this.results.push(result);
      if (message?.type === 'Metadata') this.#isSummedUp = true;
    });
    listen.on('error', () => {}); // The transport's close says more.
    socket.onClose((lost) => this.#closed(lost));
  }

  write(audio: Uint8Array): Promise<void> | undefined {
    // An empty frame would end the stream.
    if (this.#state !== 'open' || audio.length === 0 || !this.#socket.isOpen()) return undefined;
    this.#hasAudio = true;
    this.#wroteAt = performance.now();
    this.#listen.sendMedia(audio);
    return this.#socket.room;
  }

  flush(): void {
    if (this.#state === 'open' && this.#socket.isOpen()) this.#listen.sendFinalize({ type: 'Finalize' });
  }

  finish(): void {
    if (this.#state !== 'open') return;
    this.#state = 'finishing';
    if (this.#socket.isOpen()) this.#listen.sendCloseStream({ type: 'CloseStream' });
  }

  abort(): void {
    this.#end({});
    this.#socket.terminate();
  }

  #keepOpen(): void {
    if (performance.now() - this.#wroteAt < keepAliveMs || !this.#socket.isOpen()) return;
    if (!this.#hasAudio) return this.#bridge();
    this.#listen.sendKeepAlive({ type: 'KeepAlive' });
  }

  #bridge(): void {
    const samples = Math.round((this.#request.sampleRate * bridgeMs) / 1000);
    this.#listen.sendMedia(new Uint8Array(samples * 2 * this.#request.channels));
    this.#bridgedMs += (samples / this.#request.sampleRate) * 1000;
    this.#wroteAt = performance.now();
    this.#hasAudio = true;
  }

  #closed({ code, reason }: Lost): void {
    // After CloseStream a close without a code has been seen as well.
    if (this.#state === 'finishing' && this.#isSummedUp && (code === 1000 || code === 1005))
      return this.#end({});
    const message = deepgramText.closedEarly(code, reason);
    this.#end({ error: new RecognizerError(message, { retryable: code !== 1008, code }) });
  }

  #end(failure: { error?: unknown }): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    clearInterval(this.#keepAlive);
    this.results.end(failure);
  }
}
