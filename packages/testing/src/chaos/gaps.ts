/** Whether gaps that the log has told of were filled as the protocol says. */
import type { Gap, TranscriptFinal } from '@meetcast/protocol';
import { timeToleranceMs } from '../tone-language/time-errors.ts';

/** Sentences: words in a gap that came after it and do not say that they fill it [LOG6]. */
export function gapProblems(gaps: readonly Gap[], finals: readonly TranscriptFinal[]): string[] {
  return finals.flatMap((final) => {
    const filled = gaps.filter((gap) => isFilledBy(gap, final));
    if (filled.length === 0 || filled.some(({ seq }) => seq === final.repairs)) return [];
    const names = filled.map(({ seq }) => seq).join(' or ');
    const told = final.repairs === undefined ? 'nothing' : `entry ${final.repairs}`;
    return [`"${final.text}" fills gap ${names} of the log, and says that it repairs ${told}`];
  });
}

/** A word at the edge of a gap may be told by either side. */
function isFilledBy(gap: Gap, { seq, meta, start_ms, end_ms }: TranscriptFinal): boolean {
  const overlapMs = Math.min(end_ms, gap.end_ms) - Math.max(start_ms, gap.start_ms);
  return meta?.source === gap.source && seq > gap.seq && overlapMs > timeToleranceMs;
}
