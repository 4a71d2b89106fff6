/** A meeting's text as its events leave it. */
import {
  type AudioLevel,
  isRetracted,
  type LoggedEvent,
  type Retract,
  type Source,
  type Status,
  type TranscriptFinal,
  type TranscriptPartial,
} from '@meetcast/protocol';

/** Everything a viewer hears about a meeting. A status without `seq` concerns this connection only. */
export type SubscriptionEvent = LoggedEvent | TranscriptPartial | AudioLevel | Status;

/** Never changed in place: an event that changes it makes a new one. */
export interface Transcript {
  /** In the order of their `seq`. */
  readonly finals: readonly TranscriptFinal[];
  /** What is being said: at most one for each source. */
  readonly partials: readonly TranscriptPartial[];
}

export const emptyTranscript: Transcript = Object.freeze({
  finals: Object.freeze([]),
  partials: Object.freeze([]),
});

export function applyEvent(transcript: Transcript, event: SubscriptionEvent): Transcript {
  if (event.type === 'transcript.final') return withFinal(transcript, event);
  if (event.type === 'transcript.partial') return withPartial(transcript, event);
  if (event.type === 'retract') return retracted(transcript, event);
  return transcript;
}

function withFinal({ finals, partials }: Transcript, final: TranscriptFinal): Transcript {
  const kept = finals.some((other) => isReplaced(other, final))
    ? finals.filter((other) => !isReplaced(other, final))
    : finals;
  const after = kept.findLastIndex((other) => other.seq < final.seq) + 1;
  return {
    finals: [...kept.slice(0, after), final, ...kept.slice(after)],
    partials: partials.filter((partial) => !isSettled(partial, final)),
  };
}

const isReplaced = (other: TranscriptFinal, final: TranscriptFinal): boolean =>
  other.seq === final.seq || other.segment_no === final.revises;

/** Whether a final ends what a partial was about. */
function isSettled(partial: TranscriptPartial, final: TranscriptFinal): boolean {
  if (partial.segment_no === final.segment_no) return true;
  // A revision or repair of older words has a late number and says nothing about the words of now.
  if (final.revises !== undefined || final.repairs !== undefined) return false;
  return sourceOf(partial) === sourceOf(final) && partial.segment_no < final.segment_no;
}

function withPartial(transcript: Transcript, partial: TranscriptPartial): Transcript {
  const { finals, partials } = transcript;
  // A partial may be overtaken by its own final.
  if (finals.findLast((final) => final.segment_no === partial.segment_no)) return transcript;
  const others = partials.filter((other) => sourceOf(other) !== sourceOf(partial));
  return { finals, partials: [...others, partial] };
}

const retracted = ({ finals, partials }: Transcript, retract: Retract): Transcript => ({
  finals: finals.filter((final) => !isRetracted(final, retract)),
  partials: partials.filter((partial) => !isRetracted(partial, retract)),
});

const sourceOf = (words: TranscriptFinal | TranscriptPartial): Source | undefined => words.meta?.source;
