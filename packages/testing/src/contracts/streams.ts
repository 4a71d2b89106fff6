/** Speech that is written to a recognizer's stream, and what it tells. */
import type {
  RecognitionResult,
  RecognizedSpan,
  RecognizerRequest,
  RecognizerStream,
} from '@meetcast/server';
import { speak } from '../tone-language/speak.ts';

export const request: RecognizerRequest = { sampleRate: 16_000, channels: 1, source: 'mic' };

export const pcm = (text: string | readonly string[], more = {}): Uint8Array => {
  const samples = speak(text, { sampleRate: request.sampleRate, ...more });
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
};

export const silence = (seconds: number): Uint8Array => new Uint8Array(seconds * request.sampleRate * 2);

/** Writes as a session does: frame by frame, and waiting where asked to. */
export async function writeAll(
  stream: RecognizerStream,
  audio: Uint8Array,
  frameBytes = 3_200,
): Promise<void> {
  for (let at = 0; at < audio.length; at += frameBytes)
    await stream.write(audio.subarray(at, at + frameBytes));
}

/** Reads a stream's results in the background. */
export function listenTo(stream: RecognizerStream) {
  const results: RecognitionResult[] = [];
  const ended = (async () => {
    for await (const result of stream.results) results.push(result);
  })();
  const outcome = ended.then(
    () => 'ended' as const,
    (error: unknown) => error,
  );
  const finals = () => results.filter((one): one is RecognizedSpan => one.kind === 'span' && one.isFinal);
  const words = () => finals().flatMap((span) => span.words.map(({ text }) => text));
  return { results, outcome, finals, words };
}
