/** What one ingest says about itself: in the log for everyone, or on its own socket. */
import type { Source } from '@meetcast/protocol';
import { isNamed } from '../lib/errors.ts';
import { stamp } from '../lib/meeting.ts';
import { statusText } from '../lib/sentences.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Claim } from '../registry/registry.ts';
import type { Connection } from '../socket/connection.ts';
import type { Stretch } from '../transcription/already-said.ts';
import type { Run } from './run.ts';

/** Where the words of a source have got when there is no more audio. */
type EndDetails = { readonly source: Source; readonly last_seq: number; readonly coverage: unknown };

/** Who speaks: a run, a sender that was not let in, or one whose node is gone. */
export type Speaking = Pick<Run, 'source' | 'isResumed' | 'canResume' | 'title'> & {
  readonly claim: Pick<Claim, 'fence'>;
};

/** The socket of whoever speaks. */
export type Ear = Pick<Connection, 'send' | 'write'>;

/** Every entry carries the claim's fence: whoever was replaced, and does not know it yet, writes nothing more. */
export class IngestStatuses {
  readonly #run: Speaking;
  readonly #log: TranscriptLog;
  readonly #connection: Ear;

  constructor(run: Speaking, log: TranscriptLog, connection: Ear) {
    this.#run = run;
    this.#log = log;
    this.#connection = connection;
  }

  /** It stands before the first words in the log, for those who write it wait their turn; what nobody heard before it. */
  async started(unheard: readonly Stretch[]): Promise<void> {
    const { isResumed, title } = this.#run;
    const told = this.nodeLost(unheard);
    const [status, message] = isResumed ? ['recovered', statusText.resumed] : ['live', statusText.started];
    const started = this.#say(status, message, title === undefined ? {} : { title });
    await Promise.all([told, started]);
  }

  async offRecord(on: boolean): Promise<void> {
    const [status, message] = on ? ['off_record', statusText.offRecord] : ['on_record', statusText.onRecord];
    await this.#say(status, message);
  }

  /** No more audio comes; the last words follow. Not logged. */
  ending(): void {
    const { source } = this.#run;
    const about = { type: 'status' as const, ...stamp(this.#log.meeting), meta: { source } };
    const message = statusText.ending;
    this.#connection.write(
      this.#log.show({ ...about, status: 'ending', message, details: { source } }).frame,
    );
  }

  /** The meeting ends with its last source, unless that has begun anew since; until then only this sender is told. */
  async ended(details: EndDetails, isLast: boolean): Promise<void> {
    if (isLast && (await this.#isLast(this.#say('ended', statusText.ended, details)))) return;
    const message = statusText.sourceEnded;
    this.#connection.send({ type: 'status', ...stamp(this.#log.meeting), status: 'ended', message, details });
  }

  /** Nobody sends any longer, unless somebody has begun since. */
  async idle(): Promise<void> {
    await this.#isLast(this.#say('idle', statusText.idle));
  }

  /** Audio was received and not heard, and nobody has sent it again. Whoever cannot do so later begins behind it. */
  async gap(startMs: number, endMs: number, cause: string): Promise<void> {
    const { source, canResume } = this.#run;
    const reach = { ...this.#reach, coveredMs: canResume ? 0 : endMs };
    const about = { type: 'gap' as const, ...stamp(this.#log.meeting), source };
    await this.#log.append({ ...about, start_ms: startMs, end_ms: endMs, cause }, { reach });
  }

  /** What a node that is gone had received, unless somebody has begun since, who says it. */
  async nodeLost(unheard: readonly Stretch[]): Promise<void> {
    const gaps = unheard.map(([startMs, endMs]) => this.gap(startMs, endMs, 'hub_failed'));
    await Promise.all(gaps.map((gap) => this.#isLast(gap)));
  }

  /** The claim is given back before this is said: whether nobody else has taken it and written. */
  async #isLast(said: Promise<void>): Promise<boolean> {
    try {
      await said;
      return true;
    } catch (error) {
      if (!isNamed('StaleFenceError', error)) throw error;
      return false;
    }
  }

  async #say(status: string, message: string, more: Record<string, unknown> = {}): Promise<void> {
    const { source } = this.#run;
    const details = { source, ...more };
    const about = { ...stamp(this.#log.meeting), meta: { source } };
    const entry = { type: 'status' as const, ...about, status, message, details };
    const { frame } = await this.#log.append(entry, { reach: this.#reach });
    this.#connection.write(frame);
  }

  get #reach() {
    return { source: this.#run.source, fence: this.#run.claim.fence, coveredMs: 0 };
  }
}
