/** What follows the last audio of a run: its end, or the wait for its sender to come back. */
import type { Source } from '@meetcast/protocol';
import { isNamed, RecognizerError } from '../lib/errors.ts';
import { recognizerText } from '../lib/sentences.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Aftermath } from '../registry/registry.ts';
import type { Stretch } from '../transcription/already-said.ts';
import type { Parting } from './grace.ts';
import { coverageOf, type Run, type RunContext, sentBy } from './run.ts';
import type { IngestStatuses } from './statuses.ts';
import { unheardOf } from './unheard.ts';

/** Why there is no more audio: the sender said so, stopped, is gone, or has to go elsewhere. */
export type Ending = 'finalized' | 'stopped' | 'vanished' | 'restart';

/** What is needed to say that nobody sends any longer. */
export type EndContext = Pick<RunContext, 'log' | 'registry' | 'ledger' | 'grace'>;

/** Why audio was not heard out. */
export type Loss = 'recognizer_unavailable' | 'hub_failed';

export class IngestEnd {
  readonly #context: RunContext;
  readonly #run: Run;
  readonly #statuses: IngestStatuses;

  constructor(context: RunContext, run: Run, statuses: IngestStatuses) {
    this.#context = context;
    this.#run = run;
    this.#statuses = statuses;
  }

  /** Every word that was heard is stored: gives the claim back and says so, or waits for a sender that vanished. */
  async conclude(ending: Ending): Promise<void> {
    this.#run.recognizerStatus.end();
    if (ending === 'restart') return this.#handOver();
    if (ending === 'finalized') return this.#end();
    if (ending === 'vanished') return this.#awaitReturn(undefined);
    const { settle, leave } = this.#parting(undefined, true);
    await settle();
    await leave();
  }

  /**
   * The node goes, and its recognizer is waited for no longer. A sender that cannot send it again leaves a gap. Never
   * rejects.
   */
  async abandon(): Promise<void> {
    const { transcription, canResume } = this.#run;
    const message = recognizerText.hubClosed;
    transcription.giveUp(new RecognizerError(message, { retryable: true }));
    await transcription.over;
    if (!canResume) await this.#settle('recognizer_unavailable', false).catch((error) => this.#failed(error));
  }

  /** Words are missing, for not all that was received was heard. */
  async awaitReturn(loss: Loss): Promise<void> {
    await this.#awaitReturn(loss);
  }

  /** While another source is claimed, also for a sender that may come back, the meeting does not end. */
  async #end(): Promise<void> {
    const details = await this.#details();
    const what = await this.#run.claim.release('finalized');
    await this.#statuses.ended(details, what === 'ends');
  }

  /** The sender goes on elsewhere, if it knows how; here nobody can wait for it. */
  async #handOver(): Promise<void> {
    const { claim, canResume, transcription } = this.#run;
    if (!canResume) await transcription.settle();
    if ((await claim.release()) !== 'goes-on') await this.#statuses.idle();
  }

  async #awaitReturn(loss: Loss | undefined): Promise<void> {
    const { log, grace } = this.#context;
    const { source, claim, canResume } = this.#run;
    grace.begin(log.meeting, source, claim, this.#parting(loss, loss === undefined && !canResume));
    await claim.vacate();
  }

  #parting(loss: Loss | undefined, isLastWord: boolean): Parting {
    const reported = (act: () => Promise<unknown>) => () =>
      act().then(
        () => {},
        (error: unknown) => this.#failed(error),
      );
    return {
      settle: reported(() => this.#settle(loss, isLastWord)),
      leave: reported(() => this.#leave()),
      makeWay: reported(() => this.#run.claim.release()),
    };
  }

  /** It is no failure if the source was claimed again meanwhile. */
  #failed(error: unknown): void {
    const { observe, log } = this.#context;
    if (isNamed('StaleFenceError', error)) return;
    observe({ type: 'error', stage: 'ingest', meeting: log.meeting, error });
  }

  /** Its last words are said, if nobody will send them again; the log says what was never heard. */
  async #settle(loss: Loss | undefined, isLastWord: boolean): Promise<void> {
    if (await this.#isForgotten()) return;
    if (isLastWord) await this.#run.transcription.settle();
    await this.#tellGap(loss);
  }

  /** An earlier session of the source may have sent more than this one; a word held back is left to a later one. */
  async #tellGap(loss: Loss | undefined): Promise<void> {
    const { transcription, clock, account } = this.#run;
    await transcription.written;
    const heardMs = transcription.withheldFromMs ?? Math.floor(clock.receivedMs);
    const fromMs = loss === undefined ? heardMs : transcription.durableMs;
    const toMs = Math.floor(account.received.positionMs);
    if (fromMs < toMs) await this.#statuses.gap(fromMs, toMs, loss ?? 'not_sent_again');
    this.#context.late.missed(sentBy(this.#context, this.#run));
  }

  /** The meeting idles or ends with its last claim. */
  async #leave(): Promise<void> {
    const what = await this.#run.claim.release();
    if (what === 'goes-on') return;
    if ((await this.#isForgotten()) || (await this.#isSaid())) return;
    if (what === 'ends') await this.#statuses.ended(await this.#details(), true);
    else await this.#statuses.idle();
  }

  /** A meeting that was forgotten meanwhile stays so. */
  async #isForgotten(): Promise<boolean> {
    const { epoch } = await this.#context.log.settledHead();
    return epoch !== this.#run.from.epoch;
  }

  /** A node that knew of nobody else may have said it: one that was cut off, or when this claim had been given away. */
  async #isSaid(): Promise<boolean> {
    const { log } = this.#context;
    const { seq } = await log.settledHead();
    const last = (await log.read(Math.max(0, seq - 1), 1)).events.at(-1);
    return last?.type === 'status' && ['idle', 'ended'].includes(last.status);
  }

  #details() {
    return endDetails(this.#context, this.#run.source);
  }
}

/** Where the words of a meeting have got. */
async function endDetails(context: EndContext, source: Source) {
  const { epoch, seq } = await context.log.settledHead();
  return { source, last_seq: seq, coverage: await coverageOf(context, epoch) };
}

/**
 * A sender that was not let in gives its claim back. While it stood at the door the meeting's last source may have been
 * given up, or its node have died, and left it to this one to say so.
 */
export async function giveBackUnheard(
  context: RunContext,
  statuses: IngestStatuses,
  { source, claim }: Pick<Run, 'source' | 'claim'>,
): Promise<void> {
  let unheard: Stretch[] = [];
  let what: Aftermath;
  try {
    if (claim.wasAbandoned) unheard = await unheardOf(context, source);
  } finally {
    what = await claim.release();
  }
  await statuses.nodeLost(unheard);
  await sayWhatBecame(context, statuses, source, what);
}

/** What the last source that was given back means for its meeting, unless that is said, or to be said by others. */
export async function sayWhatBecame(
  context: EndContext,
  statuses: IngestStatuses,
  source: Source,
  what: Aftermath,
): Promise<void> {
  const { log, grace } = context;
  if (what === 'goes-on' || grace.isOpen(log.meeting) || !(await isGoingOn(log))) return;
  if (what === 'ends') await statuses.ended(await endDetails(context, source), true);
  else await statuses.idle();
}

/** Far enough back for whatever a host says of a meeting that is over. */
const recentEntries = 100;

async function isGoingOn(log: TranscriptLog): Promise<boolean> {
  const { seq } = await log.settledHead();
  const { events } = await log.read(Math.max(0, seq - recentEntries), recentEntries);
  const isTurn = (word: string) => ['live', 'recovered', 'idle', 'ended'].includes(word);
  const turn = events.findLast((event) => event.type === 'status' && isTurn(event.status));
  if (turn?.type !== 'status') return events.some(({ type }) => type === 'transcript.final');
  return turn.status === 'live' || turn.status === 'recovered';
}
