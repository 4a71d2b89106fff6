/** Any recognizer, so that no word is lost when its streams are. */
import { isNamed } from '../lib/errors.ts';
import { firstAvailable } from '../recognizer/first-available.ts';
import type { AudioFormat, Recognizer } from '../recognizer/recognizer.ts';
import { type ResilientOptions, settingsOf } from './resilient-options.ts';
import { ResilientStream } from './resilient-stream.ts';
import { folderWatch } from './spool-folder.ts';

export type { ResilientOptions } from './resilient-options.ts';

/**
 * Keeps audio until it was heard for good, and sends it to another stream when one is lost, refused for a while, or
 * silent. Times stay those of the audio written here. `open` rejects only for a reason that will not pass, and then
 * `results` throws one in mid-stream too; what nobody heard is told before as `unheard`. Of several recognizers the first
 * that is well is used.
 */
export function resilient(
  recognizers: Recognizer | readonly Recognizer[],
  options: ResilientOptions = {},
  onRefusedFolder: (error: Error) => void = () => {},
): Recognizer {
  const recognizer = 'open' in recognizers ? recognizers : firstAvailable(recognizers);
  const given = settingsOf(options);
  const settings = { ...given, onRefused: folderWatch(given, onRefusedFolder) };
  const channelsOf = (format: AudioFormat) =>
    recognizer.channelsFor?.(format) ?? (format.channels === 1 ? 1 : undefined);
  return {
    ...(recognizer.channelsFor ? { channelsFor: (format) => recognizer.channelsFor?.(format) ?? 1 } : {}),
    async open(request, signal) {
      try {
        const first = await recognizer.open(request, signal);
        if (signal.aborted) first.abort();
        signal.throwIfAborted();
        return new ResilientStream({ recognizer, request, settings, channels: first.channels }, first);
      } catch (error) {
        const channels = channelsOf(request);
        const isPassing = isNamed('RecognizerError', error) && error.retryable;
        if (signal.aborted || !isPassing || channels === undefined) throw error;
        return new ResilientStream({ recognizer, request, settings, channels }, error);
      }
    },
  };
}
