/** The folder of the temporary files: whoever runs the hub is told when it takes no audio. */
import { access, constants } from 'node:fs/promises';
import { resolve } from 'node:path';
import { operatorText } from '../lib/sentences.ts';
import type { RingOptions } from './audio-ring.ts';

/** Refusals that are less apart are one outage. */
const outageMs = 60_000;

/** Tells of refusals, once per outage. Looks at once, in the background, whether the folder can be written. */
export function folderWatch(
  { folder, memoryMs, keptMs }: RingOptions,
  tell: (error: Error) => void,
): (cause: unknown) => void {
  let refusedAt = Number.NEGATIVE_INFINITY;
  const refused = (cause: unknown) => {
    const now = performance.now();
    const isKnown = now - refusedAt < outageMs;
    refusedAt = now;
    if (isKnown) return;
    const why = cause instanceof Error ? cause.message : String(cause);
    tell(new Error(operatorText.folderRefuses(resolve(folder), why, memoryMs / 1000), { cause }));
  };
  // With the dot, what is no folder is refused too.
  if (keptMs > memoryMs) access(`${folder}/.`, constants.W_OK | constants.X_OK).catch(refused);
  return refused;
}
