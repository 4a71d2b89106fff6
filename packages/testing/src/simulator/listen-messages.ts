/** The messages of Deepgram's live protocol, both ways. */

export interface WordResult {
  word: string;
  start: number;
  end: number;
  confidence: number;
  punctuated_word?: string;
  speaker?: number;
  language?: string;
}

export interface Alternative {
  transcript: string;
  confidence: number;
  languages?: string[];
  words: WordResult[];
}

export interface ModelInfo {
  name: string;
  version: string;
  arch: string;
}

export interface Results {
  type: 'Results';
  channel_index: [number, number];
  start: number;
  duration: number;
  is_final: boolean;
  speech_final: boolean;
  from_finalize: boolean;
  channel: { alternatives: Alternative[] };
  entities?: [];
  metadata: {
    request_id: string;
    model_uuid: string;
    model_info: ModelInfo;
    diarize_info?: { model_uuid: string; arch: string };
    extra?: Record<string, string>;
  };
}

export interface Metadata {
  type: 'Metadata';
  transaction_key: 'deprecated';
  request_id: string;
  sha256: string;
  created: string;
  duration: number;
  channels: number;
  models: string[];
  model_info: Record<string, ModelInfo>;
  extra?: Record<string, string>;
}

interface SpeechStarted {
  type: 'SpeechStarted';
  channel: [number, number];
  timestamp: number;
}

interface UtteranceEnd {
  type: 'UtteranceEnd';
  channel: [number, number];
  last_word_end: number;
}

export type TranscriberMessage = Results | Metadata | SpeechStarted | UtteranceEnd;

/** Not part of the transcript: answers to a control message. */
export type ControlAnswer =
  | { type: 'ConfigureSuccess'; request_id: string; keyterms: string[] }
  | { type: 'ConfigureFailure'; request_id: string; message: string }
  | { type: 'Error'; variant: string; description: string; message: string; code?: string };

export type ServerMessage = TranscriberMessage | ControlAnswer;
