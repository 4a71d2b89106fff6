/** What embedding teams test with: speech that a machine can check. */

export type { Fault, StreamFault } from './faults.ts';
export { freePort } from './free-port.ts';
export type { PcmFormat } from './pcm-blocks.ts';
export { randomWords } from './random-words.ts';
export { resetSocket } from './reset.ts';
export {
  type DeepgramSimulator,
  type DeepgramSimulatorOptions,
  startDeepgramSimulator,
} from './simulator.ts';
export { interleave, type SpeakOptions, speak, speakStream, type ToneWord, wordTimes } from './speak.ts';
export type { RefusedHandshake, StreamRecord } from './stream-record.ts';
export {
  type SpokenWord,
  spokenWords,
  type TimedText,
  type TimeError,
  type TimeErrorOptions,
  timeErrors,
  timeToleranceMs,
} from './time-errors.ts';
export { type HeardWord, ToneDecoder } from './tone-decoder.ts';
export { toneTiming } from './tones.ts';
export { vocabulary } from './vocabulary.ts';
export { wordsOf } from './words-of.ts';
