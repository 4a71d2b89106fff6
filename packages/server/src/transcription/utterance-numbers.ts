/** The `segment_no` of each utterance of a recognizer's stream, from its first partial to its final. */
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Numbering, Registry } from '../registry/registry.ts';
import type { Utterance } from './segmenter.ts';

export class UtteranceNumbers {
  readonly #log: TranscriptLog;
  readonly #registry: Registry;
  #numbering: Numbering;
  readonly #unfinished = new Map<number, number>();

  /** `numbering`: its numbers are above all that were in the log. */
  constructor(log: TranscriptLog, registry: Registry, numbering: Numbering) {
    this.#log = log;
    this.#registry = registry;
    this.#numbering = numbering;
  }

  of({ index, isFinal }: Utterance): number {
    const number = this.#unfinished.get(index) ?? this.#numbering.next();
    if (isFinal) this.#unfinished.delete(index);
    else this.#unfinished.set(index, number);
    return number;
  }

  /** A number above every one in the log, whatever the registry remembers; later utterances go on from there. */
  async afresh(): Promise<number> {
    this.#numbering = await numberingFor(this.#log, this.#registry);
    return this.#numbering.next();
  }
}

/** Numbers above all in the log. */
export async function numberingFor(log: TranscriptLog, registry: Registry): Promise<Numbering> {
  const { segmentNo } = await log.head();
  return registry.numbering(log.meeting, segmentNo + 1);
}
