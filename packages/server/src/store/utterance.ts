/** Whether a final that a log holds is what was just said, or something else under the same number. Pure. */
import type { LogEntry, LoggedEvent } from '@meetcast/protocol';

/**
 * A write that is tried again finds itself, or, if its text was taken back meanwhile, what stands in its place: that
 * has the instant of the final and no text, or only those of its words that were not taken back.
 */
export function isSameUtterance(entry: LogEntry, there: LoggedEvent): boolean {
  if (entry.type !== 'transcript.final' || entry.ts !== there.ts) return false;
  if (there.type === 'retract') return true;
  return (
    there.type === 'transcript.final' &&
    there.start_ms >= entry.start_ms &&
    there.end_ms <= entry.end_ms &&
    isRestOf(entry.text, there.text) &&
    there.meta?.source === entry.meta?.source
  );
}

/** Whether a text is another one, or that without some of its words. */
function isRestOf(whole: string, rest: string): boolean {
  if (whole === rest) return true;
  let at = 0;
  return [...rest.replaceAll(' ', '')].every((character) => {
    at = whole.indexOf(character, at) + 1;
    return at > 0;
  });
}
