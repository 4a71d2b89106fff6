/** Reads what an earlier process left in a spool's files. */
import * as sentences from '../sentences.ts';
import type { Segment, SegmentFiles } from './segment-files.ts';
import { isLabelled, type Labelled, SpoolError } from './spool.ts';

export interface Loaded {
  readonly segments: Segment[];
  /** The newest note, if there is any. */
  readonly labelled: Labelled | undefined;
  /** The position behind the last audio. */
  readonly end: number;
}

/** `path` is for messages. */
export async function loadSegments(path: string, files: SegmentFiles): Promise<Loaded> {
  const numbers = await files.numbers();
  const segments: Segment[] = [];
  let labelled: Labelled | undefined;
  let end: number | undefined;
  for (const number of numbers) {
    const before = segments.at(-1);
    let follows = before === undefined || number === before.number + 1;
    const from = end;
    let first: number | undefined;
    const isThere = await files.load(number, number === numbers.at(-1), (record) => {
      if (record.kind === 'note') {
        labelled = labelledOf(path, record.text);
        return;
      }
      first ??= record.at;
      follows &&= end === undefined || record.at === end;
      end = record.at + record.audio.length;
    });
    if (!follows) throw files.damage(number, sentences.notWhatFollowed);
    if (isThere) segments.push({ number, from: from ?? first ?? 0, to: end ?? 0 });
  }
  const last = segments.at(-1);
  // Audio is kept, and sent, only after something is known of its session.
  if (last && !labelled && end !== undefined) throw files.damage(last.number, sentences.withoutBeginning);
  return { segments, labelled, end: Math.max(end ?? 0, startOf(labelled)) };
}

/** Where no audio is kept any more, everything before the first frame that is not stored was taken. */
function startOf(labelled: Labelled | undefined): number {
  if (!labelled) return 0;
  const { start, channels } = labelled.session;
  return start * channels * 2;
}

function labelledOf(path: string, text: string): Labelled {
  const value: unknown = JSON.parse(text);
  if (isLabelled(value)) return value;
  throw new SpoolError('foreign', sentences.spoolOfAnotherVersion(path));
}
