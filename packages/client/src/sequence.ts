/** Where a viewer stands in a meeting's log, and whether an entry is the next one. */

export interface Position {
  epoch: string;
  /** The last entry that was delivered. */
  seq: number;
}

/**
 * - `anew`: nothing was delivered; the hub is asked for `history`.
 * - `joining`: the hub is sending history of its choosing; the first entry sets the position.
 * - `at`: every entry but the next one is a repeat or behind a hole.
 */
export type Place =
  | { name: 'anew' }
  | { name: 'joining'; epoch: string; head: number }
  | { name: 'at'; epoch: string | undefined; seq: number };

export type Verdict = 'next' | 'repeat' | 'hole';

export function judge(place: Place, seq: number): Verdict {
  if (place.name === 'anew') return 'hole';
  if (place.name === 'joining') return seq <= place.head + 1 ? 'next' : 'hole';
  if (seq <= place.seq) return 'repeat';
  return seq === place.seq + 1 ? 'next' : 'hole';
}

/** The place after an entry was delivered. */
export function advanced(place: Place, seq: number): Place {
  return place.name === 'anew' ? place : { name: 'at', epoch: place.epoch, seq };
}

export function positionOf(place: Place): Position | undefined {
  if (place.name !== 'at' || place.epoch === undefined) return undefined;
  return { epoch: place.epoch, seq: place.seq };
}

/** What the next connection asks for. A join that brought nothing is asked again as it was. */
export function resumeQuery(
  place: Place,
  history: 'all' | 'none' | number,
): Record<string, string | number | undefined> {
  return place.name === 'at' ? { since: place.seq, epoch: place.epoch } : { history };
}
