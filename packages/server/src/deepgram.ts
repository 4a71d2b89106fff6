/** Deepgram Live as a recognizer. */
export { type DeepgramOptions, deepgram } from './recognizer/deepgram.ts';
