/** Several recognizers as one: the first that is well. */
import { checkOptions } from '@meetcast/protocol';
import { isNamed, type RecognizerError } from '../lib/errors.ts';
import { present } from '../lib/present.ts';
import type { Recognizer, RecognizerRequest, RecognizerStream } from './recognizer.ts';

export interface FirstAvailableOptions {
  /** Time after which one that failed is tried first again. Default 60 000. */
  returnAfterMs?: number;
}

/** How one of them is: `failedAt` by the process's clock. */
interface Candidate {
  readonly recognizer: Recognizer;
  failedAt: number;
}

/**
 * Opens with the first that accepts; those that failed lately come last. All must give results for the same channels.
 * Rejects with the reason of the one that may accept later, or else of the first.
 */
export function firstAvailable(
  recognizers: readonly Recognizer[],
  options: FirstAvailableOptions = {},
): Recognizer {
  checkOptions('firstAvailable', options, { returnAfterMs: true });
  const { returnAfterMs = 60_000 } = options;
  const [first] = recognizers;
  if (!first) throw new TypeError('firstAvailable needs at least one recognizer');
  const candidates = recognizers.map((recognizer) => ({ recognizer, failedAt: Number.NEGATIVE_INFINITY }));
  const isIll = ({ failedAt }: Candidate) => performance.now() - failedAt < returnAfterMs;
  const { channelsFor } = first;
  return {
    ...present({ channelsFor }),
    async open(request, signal) {
      const errors: unknown[] = [];
      const [well, ill] = [candidates.filter((one) => !isIll(one)), candidates.filter(isIll)];
      for (const candidate of [...well, ...ill]) {
        try {
          return await openWatched(candidate, request, signal);
        } catch (error) {
          if (signal.aborted) throw error;
          candidate.failedAt = performance.now();
          errors.push(error);
        }
      }
      throw errors.find(isRetryable) ?? errors[0];
    },
  };
}

const isRetryable = (error: unknown): boolean => isNamed('RecognizerError', error) && error.retryable;

/** A stream whose failure its recognizer is remembered for. */
async function openWatched(
  candidate: Candidate,
  request: RecognizerRequest,
  signal: AbortSignal,
): Promise<RecognizerStream> {
  const stream = await candidate.recognizer.open(request, signal);
  const failed = () => {
    candidate.failedAt = performance.now();
  };
  async function* watched() {
    try {
      yield* stream.results;
    } catch (error) {
      failed();
      throw error;
    }
  }
  return {
    channels: stream.channels,
    results: watched(),
    write: (audio) => stream.write(audio),
    flush: () => stream.flush(),
    finish: () => stream.finish(),
    abort(failure?: RecognizerError) {
      if (failure) failed();
      stream.abort(failure);
    },
  };
}
