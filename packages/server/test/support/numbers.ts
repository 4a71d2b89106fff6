/** Segment numbers for tests that have no claim. */
import type { TranscriptLog } from '../../src/log/transcript-log.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { UtteranceNumbers } from '../../src/transcription/utterance-numbers.ts';

/** Counts from here on, as a registry would that was told of this log. */
export function numbersFrom(first: number, log: TranscriptLog, registry: Registry): UtteranceNumbers {
  let given = first - 1;
  return new UtteranceNumbers(log, registry, {
    next() {
      given += 1;
      return given;
    },
  });
}
