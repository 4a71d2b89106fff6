/** Deepgram's messages as recognition results. Pure; never throws, whatever a later version of the service sends. */
import type { Deepgram } from '@deepgram/sdk';
import type { RecognitionResult, RecognizedWord } from './recognizer.ts';

type Results = Deepgram.listen.ListenV1Results;
type Word = Results['channel']['alternatives'][number]['words'][number];

/** What a listener is handed: the SDK's union, a message it does not know yet, or text that was not JSON. */
export type DeepgramMessage =
  | Results
  | Deepgram.listen.ListenV1UtteranceEnd
  | Deepgram.listen.ListenV1Metadata
  | Deepgram.listen.ListenV1SpeechStarted;

/** `leadMs`: audio written before the stream's own began. */
export function resultOf(message: DeepgramMessage, leadMs: number): RecognitionResult | undefined {
  if (message.type === 'UtteranceEnd') return { kind: 'utterance-end', channel: message.channel?.[0] ?? 0 };
  if (message.type !== 'Results') return undefined;
  const best = message.channel?.alternatives?.[0];
  const startMs = since(message.start, leadMs);
  const endMs = since(message.start + message.duration, leadMs);
  if (!best || !(endMs >= startMs)) return undefined;
  const language = best.languages?.[0] ?? best.words?.[0]?.language;
  return {
    kind: 'span',
    channel: message.channel_index?.[0] ?? 0,
    startMs,
    endMs,
    isFinal: message.is_final === true,
    endsUtterance: message.speech_final === true,
    text: best.transcript,
    words: (best.words ?? []).map((word) => wordOf(word, leadMs)),
    confidence: best.confidence,
    ...(language === undefined ? {} : { language }),
  };
}

function wordOf(word: Word, leadMs: number): RecognizedWord {
  const startMs = since(word.start, leadMs);
  return {
    text: word.punctuated_word ?? word.word,
    startMs,
    endMs: Math.max(startMs, since(word.end, leadMs)), // An end of -1 has been seen.
    confidence: word.confidence,
    ...(word.speaker === undefined ? {} : { speaker: String(word.speaker) }),
  };
}

const since = (seconds: number, leadMs: number): number => Math.max(0, seconds * 1000 - leadMs);
