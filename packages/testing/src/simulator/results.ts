/** Words and times as the `Results` and `Metadata` that Deepgram sends. */

import type { Told } from '../tone-language/channel-timeline.ts';
import type { HeardWord } from '../tone-language/tone-decoder.ts';
import { languageOf } from '../tone-language/vocabulary.ts';
import type {
  Alternative,
  Metadata,
  ModelInfo,
  Results,
  TranscriberMessage,
  WordResult,
} from './listen-messages.ts';
import { isNova3, type ListenSettings } from './listen-settings.ts';

/** One stream, for the fields that name it. */
export interface StreamIdentity {
  requestId: string;
  settings: ListenSettings;
}

const modelUuid = '00000000-0000-4000-8000-000000000003';
const diarizerUuid = '00000000-0000-4000-8000-000000000004';

const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;
const roundConfidence = (confidence: number): number => Math.round(confidence * 10_000) / 10_000;

/** One thing told on channel `index` of `count`. */
export function messageOf(
  told: Told,
  stream: StreamIdentity,
  index: number,
  count: number,
): TranscriberMessage {
  const channel: [number, number] = [index, count];
  if (told.name === 'speech-started') return { type: 'SpeechStarted', channel, timestamp: round(told.at) };
  if (told.name === 'utterance-end') {
    return { type: 'UtteranceEnd', channel, last_word_end: round(told.lastWordEnd) };
  }
  return resultsOf(told, stream, channel);
}

function resultsOf(
  told: Extract<Told, { name: 'interim' | 'final' }>,
  { requestId, settings }: StreamIdentity,
  channelIndex: [number, number],
): Results {
  const isFinal = told.name === 'final';
  const start = round(told.start);
  const end = round(told.end);
  return {
    type: 'Results',
    channel_index: channelIndex,
    start,
    duration: round(end - start),
    is_final: isFinal,
    speech_final: isFinal && told.endOfSpeech,
    from_finalize: isFinal && told.fromFinalize,
    channel: { alternatives: [alternativeOf(told.words, settings, start, end)] },
    ...(isFinal && settings.detectEntities ? { entities: [] } : {}),
    metadata: {
      request_id: requestId,
      model_uuid: modelUuid,
      model_info: modelInfo(settings.model),
      ...(settings.diarize ? { diarize_info: { model_uuid: diarizerUuid, arch: 'v1' } } : {}),
      ...(settings.extra ? { extra: settings.extra } : {}),
    },
  };
}

function alternativeOf(
  words: HeardWord[],
  settings: ListenSettings,
  start: number,
  end: number,
): Alternative {
  const sum = words.reduce((total, { confidence }) => total + confidence, 0);
  const isMulti = settings.language === 'multi';
  return {
    transcript: words.map(({ word }) => word).join(' '),
    confidence: words.length > 0 ? roundConfidence(sum / words.length) : 0,
    ...(isMulti ? { languages: [...new Set(words.map(({ word }) => languageOf(word)))] } : {}),
    words: words.map((word) => wordResult(word, settings, start, end)),
  };
}

/**
 * `punctuated_word` stays the plain word, and so does the transcript, with `punctuate` and `smart_format` too:
 * what was said and what was stored must compare with `===`.
 * Deepgram's own `multi` knows no Turkish; the tone language does, so that a word's language can be checked.
 */
function wordResult(heard: HeardWord, settings: ListenSettings, start: number, end: number): WordResult {
  return {
    word: heard.word,
    start: Math.max(start, round(heard.start)),
    end: Math.min(end, round(heard.end)),
    confidence: roundConfidence(heard.confidence),
    ...(settings.punctuate ? { punctuated_word: heard.word } : {}),
    ...(settings.diarize ? { speaker: heard.speaker } : {}),
    ...(settings.language === 'multi' ? { language: languageOf(heard.word) } : {}),
  };
}

export function metadataOf(
  { requestId, settings }: StreamIdentity,
  summary: { sha256: string; created: string; seconds: number; channels: number },
): Metadata {
  return {
    type: 'Metadata',
    transaction_key: 'deprecated',
    request_id: requestId,
    sha256: summary.sha256,
    created: summary.created,
    duration: round(summary.seconds),
    channels: summary.channels,
    models: [modelUuid],
    model_info: { [modelUuid]: modelInfo(settings.model) },
    ...(settings.extra ? { extra: settings.extra } : {}),
  };
}

const modelInfo = (model: string): ModelInfo => ({
  name: model.includes('-') ? model : `${model}-general`,
  version: '2025-01-01.0',
  arch: isNova3(model) ? 'nova-3' : (/^nova-2/u.exec(model)?.[0] ?? model.split('-')[0] ?? model),
});
