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
  if (message?.type === 'UtteranceEnd') return { kind: 'utterance-end', channel: channelOf(message.channel) };
  if (message?.type !== 'Results') return undefined;
  const best = message.channel?.alternatives?.[0];
  const startMs = since(message.start, leadMs);
  const endMs = since(message.start + message.duration, leadMs);
  if (typeof best?.transcript !== 'string' || !(endMs >= startMs)) return undefined;
  const words = (Array.isArray(best.words) ? best.words : []).filter(isWord);
  const language = best.languages?.[0] ?? words[0]?.language;
  return {
    kind: 'span',
    channel: channelOf(message.channel_index),
    startMs,
    endMs,
    isFinal: message.is_final === true,
    endsUtterance: message.speech_final === true,
    text: best.transcript,
    words: words.map((word) => wordOf(word, leadMs)),
    ...(typeof best.confidence === 'number' ? { confidence: best.confidence } : {}),
    ...(typeof language === 'string' ? { language } : {}),
    ...(message.is_final === true && best.transcript !== '' ? { raw: JSON.stringify(message) } : {}),
  };
}

/** Of `[channel, channels]`. */
const channelOf = (index: readonly unknown[] | undefined): number => {
  const channel = index?.[0];
  return typeof channel === 'number' && Number.isInteger(channel) ? channel : 0;
};

const isWord = (word: Word | null | undefined): word is Word =>
  typeof (word?.punctuated_word ?? word?.word) === 'string' && Number.isFinite(word?.start);

function wordOf(word: Word, leadMs: number): RecognizedWord {
  const startMs = since(word.start, leadMs);
  return {
    text: word.punctuated_word ?? word.word,
    startMs,
    endMs: Math.max(startMs, since(word.end, leadMs) || 0), // An end of -1 has been seen.
    confidence: word.confidence,
    ...(word.speaker === undefined ? {} : { speaker: String(word.speaker) }),
  };
}

const since = (seconds: number, leadMs: number): number => Math.max(0, seconds * 1000 - leadMs);
