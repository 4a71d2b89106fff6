/** Finals in the order in which they were said, without ever holding a whole meeting. */
import type { TranscriptFinal } from '@meetcast/protocol';

/** Finals held back: how many later ones of the log may have begun before one that is already read. */
const heldBack = 500;

/**
 * The log has a final where it was finished: a long one after what others said meanwhile. What comes later than
 * `heldBack` allows, such as the repair of a long gap, is given where it stands.
 */
export async function* inTimeOrder(
  pages: AsyncIterable<readonly TranscriptFinal[]>,
): AsyncGenerator<TranscriptFinal[]> {
  let held: TranscriptFinal[] = [];
  for await (const page of pages) {
    held = [...held, ...page].sort(byTime);
    const ready = held.splice(0, Math.max(0, held.length - heldBack));
    if (ready.length > 0) yield ready;
  }
  if (held.length > 0) yield held;
}

const byTime = (a: TranscriptFinal, b: TranscriptFinal) => a.start_ms - b.start_ms || a.seq - b.seq;
