/** How long the last words of a source are waited for. */
import { RecognizerError } from '../lib/errors.ts';
import type { Limits } from '../lib/limits.ts';
import { recognizerText } from '../lib/sentences.ts';
import type { Transcription } from '../transcription/transcription.ts';

/**
 * A recognizer that is there and says nothing is given up soon. One that is away may come back, unless a newcomer wants
 * the source, who speaks now and cannot wait for that. The caller ends it.
 */
export function watchDrain(
  transcription: Transcription,
  wanted: AbortSignal,
  { drainSilenceMs, drainAwayMs }: Limits,
): NodeJS.Timeout {
  const from = performance.now();
  const outOfPatience = (): string | undefined => {
    if (transcription.isAway && wanted.aborted) return recognizerText.yieldsToNewSender;
    const patienceMs = transcription.isAway ? drainAwayMs : drainSilenceMs;
    const quietMs = performance.now() - Math.max(from, transcription.heardAt);
    return quietMs > patienceMs ? recognizerText.noLastWords(patienceMs / 1000) : undefined;
  };
  return setInterval(() => {
    const reason = outOfPatience();
    if (reason !== undefined) transcription.giveUp(new RecognizerError(reason, { retryable: true }));
  }, Math.min(drainSilenceMs, drainAwayMs) / 10);
}
