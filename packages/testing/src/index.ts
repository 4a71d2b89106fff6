/** `@meetcast/testing`: speech that a machine can check, a Deepgram simulator that decodes it, and links that can be hurt. */

export { type FaultProxy, openFaultProxy, type ProxyTarget } from './network/fault-proxy.ts';
export { freePort } from './network/free-port.ts';
export { resetSocket } from './network/reset.ts';
export type { Fault, StreamFault } from './simulator/faults.ts';
export {
  type DeepgramSimulator,
  type DeepgramSimulatorOptions,
  startDeepgramSimulator,
} from './simulator/simulator.ts';
export type { RefusedHandshake, StreamRecord } from './simulator/stream-record.ts';
export { Transcriber } from './simulator/transcriber.ts';
export { type Pace, paced, realPace } from './tone-language/pacing.ts';
export type { PcmFormat } from './tone-language/pcm-blocks.ts';
export { mulberry32, randomWords } from './tone-language/random-words.ts';
export {
  interleave,
  type SpeakOptions,
  speak,
  speakStream,
  type ToneWord,
  wordTimes,
} from './tone-language/speak.ts';
export {
  type SpokenWord,
  spokenWords,
  type TimedText,
  type TimeError,
  type TimeErrorOptions,
  timeErrors,
  timeToleranceMs,
} from './tone-language/time-errors.ts';
export { type HeardWord, ToneDecoder } from './tone-language/tone-decoder.ts';
export { toneTiming } from './tone-language/tones.ts';
export { vocabulary } from './tone-language/vocabulary.ts';
export { wordsOf } from './tone-language/words-of.ts';
