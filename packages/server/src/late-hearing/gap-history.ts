/** What a log says about audio that nobody has heard: its gap, who sends since, and what was said. */
import type { Gap, LoggedEvent } from '@meetcast/protocol';
import { StaleEpochError } from '../lib/errors.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import { startIn } from '../transcription/clock-offsets.ts';
import { type Leftover, type Saying, toMs } from './leftover.ts';

const pageEntries = 1_000;

/** Follows the log from its beginning. */
export class GapHistory {
  readonly #log: TranscriptLog;
  readonly #leftover: Leftover;
  #seq = 0;
  #gap: Gap | undefined;
  #firstStart: 'live' | 'recovered' | undefined;
  #isRepaired = false;
  /** A final that its process was about to write when it ended. */
  readonly saying: Saying | undefined;
  #isSaid = false;

  /** `leftover`: as it was found. */
  constructor(log: TranscriptLog, leftover: Leftover) {
    this.#log = log;
    this.#leftover = leftover;
    this.saying = leftover.saying;
  }

  /** The newest gap that has some of this audio. */
  get gap(): Gap | undefined {
    return this.#gap;
  }

  /** How the source's first session began after that gap: anew, or as one that sends again what is not stored. */
  get firstStart(): 'live' | 'recovered' | undefined {
    return this.#firstStart;
  }

  /** Whether anybody has filled some of the gap. */
  get isRepaired(): boolean {
    return this.#isRepaired;
  }

  /** Whether `saying` is in the log, or what stands in its place. */
  get isSaid(): boolean {
    return this.#isSaid;
  }

  /** Reads on to the end. Rejects with a StaleEpochError if the meeting was forgotten. */
  async follow(): Promise<void> {
    for (;;) {
      const { epoch, events } = await this.#log.read(this.#seq, pageEntries);
      if (epoch !== this.#leftover.epoch) throw new StaleEpochError('the meeting was forgotten');
      for (const event of events) this.#see(event);
      if (events.length < pageEntries) return;
    }
  }

  #see(event: LoggedEvent): void {
    const { source } = this.#leftover;
    this.#seq = event.seq;
    if (event.type === 'gap' && event.source === source) return this.#seeGap(event);
    if (event.type === 'retract' && event.segment_no !== undefined)
      return this.#seeSegment(event.segment_no, event.ts);
    if (event.type === 'status') return this.#seeStatus(event);
    if (event.type !== 'transcript.final') return;
    if (event.repairs !== undefined && event.repairs === this.#gap?.seq) this.#isRepaired = true;
    this.#seeSegment(event.segment_no, event.ts);
  }

  #seeGap(gap: Gap): void {
    if (!this.#isLater(gap)) return;
    const [startMs, endMs] = [startIn(this.#leftover.offsets, 0), toMs(this.#leftover)];
    if (gap.start_ms >= endMs || gap.end_ms <= startMs) return;
    this.#gap = gap;
    this.#firstStart = undefined;
    this.#isRepaired = false;
  }

  #seeStatus(event: Extract<LoggedEvent, { type: 'status' }>): void {
    if (event.meta?.source !== this.#leftover.source || !this.#isLater(event)) return;
    if (event.status === 'live' || event.status === 'recovered') this.#firstStart ??= event.status;
  }

  /** The text that was taken back left an entry of the same instant. */
  #seeSegment(segmentNo: number, ts: string): void {
    if (this.saying?.segmentNo === segmentNo && this.saying.ts === ts) this.#isSaid = true;
  }

  #isLater({ seq, ts }: { seq: number; ts: string }): boolean {
    const { sinceSeq, keptAtMs } = this.#leftover;
    return sinceSeq === undefined ? Date.parse(ts) >= keptAtMs : seq > sinceSeq;
  }
}
