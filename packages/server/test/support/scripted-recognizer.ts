/** A recognizer that does what the test says, and nothing else. */
import { AsyncQueue } from '../../src/lib/async-queue.ts';
import type { RecognizerError } from '../../src/lib/errors.ts';
import type {
  RecognitionResult,
  RecognizedSpan,
  Recognizer,
  RecognizerRequest,
  RecognizerStream,
  UnheardAudio,
} from '../../src/recognizer/recognizer.ts';

/** How the next `open` goes: refused, or only once the promise has resolved. */
export type Opening = Error | Promise<unknown>;

export class ScriptedRecognizer implements Recognizer {
  /** Everything that was opened, oldest first. */
  readonly streams: ScriptedStream[] = [];
  /** How the next ones go, in order; the others open at once. */
  readonly openings: Opening[] = [];
  /** Signals of all that were asked for. */
  readonly signals: AbortSignal[] = [];

  async open(request: RecognizerRequest, signal: AbortSignal): Promise<ScriptedStream> {
    this.signals.push(signal);
    const opening = this.openings.shift();
    if (opening instanceof Error) throw opening;
    await opening;
    const stream = new ScriptedStream(request);
    this.streams.push(stream);
    return stream;
  }

  /** The newest one. */
  get stream(): ScriptedStream {
    const stream = this.streams.at(-1);
    if (!stream) throw new Error('no stream was opened');
    return stream;
  }
}

/** Ends when it is told to finish, unless it hangs. */
export class ScriptedStream implements RecognizerStream {
  readonly channels: number;
  readonly results = new AsyncQueue<RecognitionResult>();
  readonly request: RecognizerRequest;
  bytes = 0;
  flushes = 0;
  isFinished = false;
  isAborted = false;
  /** Whether it has nothing to say to `finish`. */
  hangs = false;
  /** What a writer has to wait for. */
  full: Promise<void> | undefined;
  /** What nobody heard of it. */
  left: UnheardAudio | undefined;

  constructor(request: RecognizerRequest) {
    this.request = request;
    this.channels = request.channels;
  }

  say(...results: RecognitionResult[]): void {
    for (const result of results) this.results.push(result);
  }

  /** It stops by itself. */
  fail(error: RecognizerError): void {
    this.results.end({ error });
  }

  /** It says that it has told everything. */
  end(): void {
    this.results.end();
  }

  write(audio: Uint8Array): Promise<void> | undefined {
    this.bytes += audio.length;
    return this.full;
  }

  flush(): void {
    this.flushes += 1;
  }

  finish(): void {
    this.isFinished = true;
    if (!this.hangs) this.end();
  }

  abort(): void {
    this.isAborted = true;
    this.end();
  }

  handOver(): UnheardAudio | undefined {
    this.abort();
    return this.left;
  }
}

/** A final span whose words are spread evenly over it. */
export function span(
  text: string,
  startMs: number,
  endMs: number,
  changes: Partial<RecognizedSpan> = {},
): RecognizedSpan {
  const said = text === '' ? [] : text.split(' ');
  const eachMs = (endMs - startMs) / said.length;
  const words = said.map((word, index) => ({
    text: word,
    startMs: startMs + index * eachMs,
    endMs: startMs + (index + 1) * eachMs,
  }));
  return {
    kind: 'span',
    channel: 0,
    startMs,
    endMs,
    isFinal: true,
    endsUtterance: true,
    text,
    words,
    ...changes,
  };
}
