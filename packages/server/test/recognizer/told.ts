/** What a stream told, against what was said. */

import { interleave, randomWords, speak, wordTimes } from '@meetcast/testing';
import { expect } from 'vitest';
import type { RecognitionResult, RecognizedSpan, RecognizedWord } from '../../src/recognizer/recognizer.ts';
import { Segmenter, type Utterance } from '../../src/transcription/segmenter.ts';

const sampleRate = 16_000;

const isFinal = (one: RecognitionResult): one is RecognizedSpan => one.kind === 'span' && one.isFinal;

const finalsOf = (results: readonly RecognitionResult[], channel = 0): RecognizedSpan[] =>
  results.filter(isFinal).filter((span) => span.channel === channel);

export const wordsTold = (results: readonly RecognitionResult[], channel = 0): RecognizedWord[] =>
  finalsOf(results, channel).flatMap(({ words }) => words);

/** Every word once, in order, and within 20 ms of when it was said. */
export function expectWords(
  results: readonly RecognitionResult[],
  said: readonly string[],
  channel = 0,
): void {
  const told = wordsTold(results, channel);
  expect(told.map(({ text }) => text)).toEqual(said);
  for (const [place, word] of told.entries()) {
    const { start, end } = wordTimes(place);
    expect(Math.abs(word.startMs - start * 1000)).toBeLessThanOrEqual(20);
    expect(Math.abs(word.endMs - end * 1000)).toBeLessThanOrEqual(20);
  }
}

/** The final spans of a channel follow each other without a hole from 0 to the end. */
export function expectTiled(results: readonly RecognitionResult[], endMs: number, channel = 0): void {
  let at = 0;
  for (const span of finalsOf(results, channel)) {
    expect(Math.abs(span.startMs - at)).toBeLessThanOrEqual(1.5);
    expect(span.endMs).toBeGreaterThanOrEqual(span.startMs);
    at = span.endMs;
  }
  expect(Math.abs(at - endMs)).toBeLessThanOrEqual(1.5);
}

export const statesOf = (results: readonly RecognitionResult[]): string[] =>
  results.flatMap((one) => (one.kind === 'state' ? [one.state] : []));

export const unheardOf = (results: readonly RecognitionResult[]) =>
  results.flatMap((one) => (one.kind === 'unheard' ? [one] : []));

/** What the segmenter makes of it. */
export function utterancesOf(results: readonly RecognitionResult[], channels = 1): Utterance[] {
  const segmenter = new Segmenter(channels);
  return [...results.flatMap((result) => segmenter.accept(result)), ...segmenter.end()].filter(
    (utterance) => utterance.isFinal,
  );
}

export const bytesOf = (samples: Int16Array): Uint8Array =>
  new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);

/** Random words and their audio; one line of words for each channel that is heard apart. */
export function meeting(seed: number, words: number, kind: 'mono' | 'multichannel' | 'mixed' = 'mono') {
  const lines = kind === 'multichannel' ? [seed, seed + 1_000_003] : [seed];
  const said = lines.map((one) => randomWords(words, one));
  const voices = said.map((line) => speak(line, { sampleRate }));
  const [voice = new Int16Array()] = voices;
  const samples = kind === 'mono' ? voice : interleave(kind === 'mixed' ? [voice, voice] : voices);
  const channels = kind === 'mono' ? 1 : 2;
  return { said, audio: bytesOf(samples), channels, endMs: (voice.length / sampleRate) * 1000 };
}
