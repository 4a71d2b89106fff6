/** What a node has counted of what its observer is told: the numbers behind its metrics. */
import { closeCodes, sources } from '@meetcast/protocol';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import { errorStages, type HubEvent, type Observe } from './observer.ts';

/** Sums by a word; those known beforehand are there from the beginning, at 0. */
export class Tally {
  readonly #sums: Map<string, number>;

  constructor(known: readonly string[]) {
    this.#sums = new Map(known.map((word) => [word, 0]));
  }

  add(word: string, by = 1): void {
    this.#sums.set(word, (this.#sums.get(word) ?? 0) + by);
  }

  get sums(): ReadonlyMap<string, number> {
    return this.#sums;
  }
}

/** How often values fell below each bound, beside their count and their sum. */
export class Distribution {
  readonly bounds: readonly number[];
  /** For each bound, the values that are not above it. */
  readonly atMost: number[];
  count = 0;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.atMost = bounds.map(() => 0);
  }

  add(value: number): void {
    this.count += 1;
    this.sum += value;
    for (const [index, bound] of this.bounds.entries())
      if (value <= bound) this.atMost[index] = (this.atMost[index] ?? 0) + 1;
  }
}

interface Present {
  readonly kind: 'ingest' | 'subscriber';
  readonly meeting: MeetingRef;
}

/** Why a log has a gap, as far as this hub writes them. */
const gapCauses = ['recognizer_unavailable', 'hub_failed', 'not_sent_again', 'entry_refused'];

const recognizerStates = ['reconnecting', 'silent', 'recovered'];

/** Seconds. */
const lagBounds = [0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300];

/** Every number but those of who is there only grows. Nothing here knows a meeting longer than somebody is in it. */
export class HubCounts {
  readonly closes = new Tally(Object.keys(closeCodes));
  readonly finals = new Tally(sources);
  readonly finalLagSeconds = new Distribution(lagBounds);
  readonly gaps = new Tally(gapCauses);
  readonly gapMs = new Tally(gapCauses);
  readonly repairedMs = new Tally(sources);
  readonly recognizerStates = new Tally(recognizerStates);
  readonly errors = new Tally(errorStages);
  readonly #present = new Map<string, Present>();

  /** An observer that counts, and then tells another one. */
  before(observe: Observe): Observe {
    return (event) => {
      this.#count(event);
      observe(event);
    };
  }

  connections(kind: Present['kind']): number {
    return [...this.#present.values()].filter((present) => present.kind === kind).length;
  }

  /** The meetings that somebody here sends to or follows. */
  get meetings(): number {
    return new Set([...this.#present.values()].map(({ meeting }) => meetingKey(meeting))).size;
  }

  #count(event: HubEvent): void {
    if (event.type === 'ingest') this.#see(event, 'ingest', event.step === 'cleanup_complete');
    else if (event.type === 'subscriber') this.#see(event, 'subscriber', event.state === 'closed');
    else if (event.type === 'closed') this.closes.add(event.word);
    else if (event.type === 'final') this.#countFinal(event);
    else if (event.type === 'gap') this.#countGap(event);
    else if (event.type === 'unheard') this.#countUnheard(event);
    else if (event.type === 'recognizer') this.recognizerStates.add(event.state);
    else if (event.type === 'error') this.errors.add(event.stage);
  }

  #see({ connection, meeting }: Seen, kind: Present['kind'], isGone: boolean): void {
    if (isGone) this.#present.delete(connection);
    else if (!this.#present.has(connection)) this.#present.set(connection, { kind, meeting });
  }

  #countFinal({ source, lagMs }: EventOf<'final'>): void {
    this.finals.add(source ?? 'none');
    if (lagMs !== undefined) this.finalLagSeconds.add(lagMs / 1000);
  }

  #countUnheard({ state, source, startMs, endMs }: EventOf<'unheard'>): void {
    if (state === 'heard') this.repairedMs.add(source, endMs - startMs);
  }

  #countGap({ cause, startMs, endMs }: EventOf<'gap'>): void {
    this.gaps.add(cause);
    this.gapMs.add(cause, endMs - startMs);
  }
}

type EventOf<Type extends HubEvent['type']> = Extract<HubEvent, { type: Type }>;

type Seen = Pick<EventOf<'ingest'>, 'connection' | 'meeting'>;
