/** What Deepgram sent, frame by frame, as the files of `fixtures` have it. */
import { readFileSync } from 'node:fs';
import { type DeepgramMessage, resultOf } from '../../src/recognizer/deepgram-results.ts';
import type { RecognitionResult } from '../../src/recognizer/recognizer.ts';

export function traceOf(name: string): DeepgramMessage[] {
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8'));
}

export const resultsOf = (name: string, leadMs = 0): RecognitionResult[] =>
  traceOf(name).flatMap((message) => resultOf(message, leadMs) ?? []);
