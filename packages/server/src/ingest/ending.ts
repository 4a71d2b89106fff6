/** The end of a source: its last words, what is missing of it, and what its meeting comes to. */
import type { IngestDownstream, Source } from '@meetcast/protocol';
import { isNamed, RecognizerError } from '../lib/errors.ts';
import type { Limits } from '../lib/limits.ts';
import { recognizerText } from '../lib/sentences.ts';
import { logGap } from '../log/gap.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Claim, MeetingState } from '../registry/registry.ts';
import type { Stretch } from '../transcription/already-said.ts';
import type { Transcription } from '../transcription/transcription.ts';
import { coverageOf, unheardOf } from './coverage.ts';
import type { Parting } from './grace.ts';
import { type Run, type RunContext, sentBy } from './run.ts';
import {
  type ClaimedSource,
  type EndDetails,
  endedAlone,
  logEnded,
  logIdle,
  logLostWithNode,
} from './statuses.ts';

/** Why there is no more audio: the sender said so, stopped, is gone, or has to go elsewhere. */
export type Ending = 'finalized' | 'stopped' | 'vanished' | 'restart';

/** Why audio was not heard out. */
export type Loss = 'recognizer_unavailable' | 'hub_failed';

/** What is needed to say that nobody sends any longer. */
export type EndContext = Pick<RunContext, 'log' | 'registry' | 'ledger' | 'grace'>;

/** A source whose sender is not here: its claim was left by a node that is gone, or by a sender that was not let in. */
export interface LeftSource extends EndContext, ClaimedSource {
  /** Gives the claim back. Undefined if somebody holds it again. */
  release(): Promise<MeetingState | undefined>;
}

/** Gives the source back; says what is missing of it, and what its meeting comes to, unless others have that to say. */
export async function endSource(
  { release, ...left }: LeftSource,
  { missing }: { readonly missing: readonly Stretch[] },
): Promise<void> {
  const { log, grace } = left;
  const state = await release();
  if (state === undefined) return;
  await logLostWithNode(log, left, missing);
  if (state === 'ongoing' || grace.isOpen(log.meeting) || !(await isGoingOn(log))) return;
  await logMeetingState(left, left, state);
}

/**
 * A sender that was not let in gives its claim back. While it stood at the door the meeting's last source may have been
 * given up, or its node have died, and left it to this one to say so.
 */
export async function giveBack(
  context: EndContext,
  source: Source,
  claim: Pick<Claim, 'fence' | 'wasOrphaned' | 'release'>,
): Promise<void> {
  const { fence } = claim;
  const release = () => claim.release();
  let missing: Stretch[] = [];
  try {
    if (claim.wasOrphaned) missing = await unheardOf(context, source);
  } catch (error) {
    await release();
    throw error;
  }
  await endSource({ ...context, source, fence, release }, { missing });
}

/**
 * Every word of a run that was heard is stored: gives its claim back and says so, or waits for a sender that vanished.
 * Resolves with what its sender alone is told.
 */
export async function endRun(
  context: RunContext,
  run: Run,
  ending: Ending,
): Promise<IngestDownstream | undefined> {
  run.recognizerStatus.end();
  if (ending === 'finalized') return finalize(context, run);
  if (ending === 'restart') await handOver(context, run);
  if (ending === 'vanished') await awaitReturn(context, run);
  if (ending === 'stopped') {
    const parting = partingOf(context, run, { loss: undefined, isLastWord: true });
    await parting.claim.sayLastWords();
    await parting.leaveMeeting();
  }
  return undefined;
}

/**
 * The node goes, and the recognizer is waited for no longer. A sender that cannot send it again leaves a gap. Never
 * rejects.
 */
export async function abandonRun(context: RunContext, run: Run): Promise<void> {
  const { transcription, canResume } = run;
  const message = recognizerText.hubClosed;
  transcription.giveUp(new RecognizerError(message, { retryable: true }));
  await transcription.over;
  const last = { loss: 'recognizer_unavailable', isLastWord: false } as const;
  if (!canResume) await reported(context, sayLastWords(context, run, last));
}

/** Waits for the sender of a run. With a loss words are missing, for not all that was received was heard. */
export async function awaitReturn(context: RunContext, run: Run, loss?: Loss): Promise<void> {
  const { source, claim, canResume } = run;
  const isLastWord = loss === undefined && !canResume;
  context.grace.begin(context.log.meeting, source, partingOf(context, run, { loss, isLastWord }));
  await claim.markVacant();
}

/**
 * How long last words are waited for. A recognizer that is there and says nothing is given up soon. One that is away may
 * come back, unless a newcomer wants the source, who speaks now and cannot wait for that. The caller ends the watch.
 */
export function watchDrain(
  transcription: Transcription,
  wanted: AbortSignal,
  { drainSilenceMs, drainAwayMs }: Limits,
): NodeJS.Timeout {
  const from = performance.now();
  const outOfPatience = (): string | undefined => {
    if (transcription.isAway && wanted.aborted) return recognizerText.yieldsToNewSender;
    const patienceMs = transcription.isAway ? drainAwayMs : drainSilenceMs;
    const quietMs = performance.now() - Math.max(from, transcription.heardAt);
    return quietMs > patienceMs ? recognizerText.noLastWords(patienceMs / 1000) : undefined;
  };
  return setInterval(() => {
    const reason = outOfPatience();
    if (reason !== undefined) transcription.giveUp(new RecognizerError(reason, { retryable: true }));
  }, Math.min(drainSilenceMs, drainAwayMs) / 10);
}

/** While another source is claimed, also for a sender that may come back, the meeting does not end. */
async function finalize(context: RunContext, run: Run): Promise<IngestDownstream | undefined> {
  const { log } = context;
  const details = await endDetails(context, run.source);
  const state = await run.claim.release('finalized');
  if (state === 'ended' && (await logEnded(log, claimedBy(run), details))) return undefined;
  return endedAlone(log.meeting, details);
}

/** The sender goes on elsewhere, if it knows how; here nobody can wait for it. */
async function handOver({ log }: RunContext, run: Run): Promise<void> {
  const { claim, canResume, transcription } = run;
  if (!canResume) await transcription.sayWithheld();
  if ((await claim.release()) !== 'ongoing') await logIdle(log, claimedBy(run));
}

interface LastWords {
  readonly loss: Loss | undefined;
  /** Whether nobody will send the end of the audio again. */
  readonly isLastWord: boolean;
}

function partingOf(context: RunContext, run: Run, last: LastWords): Required<Parting> {
  const { wanted } = run.claim;
  return {
    claim: {
      wanted,
      sayLastWords: () => reported(context, sayLastWords(context, run, last)),
      release: () => reported(context, run.claim.release()),
    },
    leaveMeeting: () => reported(context, leaveMeeting(context, run)),
  };
}

/** It is no failure if the source was claimed again meanwhile. */
async function reported({ observe, log }: RunContext, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isNamed('StaleFenceError', error))
      observe({ type: 'error', stage: 'ingest', meeting: log.meeting, error });
  }
}

/** They are said if nobody will send them again; the log says what was never heard. */
async function sayLastWords(context: RunContext, run: Run, { loss, isLastWord }: LastWords): Promise<void> {
  if (await isForgotten(context, run)) return;
  if (isLastWord) await run.transcription.sayWithheld();
  await logUnheard(context, run, loss);
  context.late.missed(sentBy(context, run));
}

/**
 * An earlier session of the source may have sent more than this one; a word held back is left to a later one. Whoever
 * cannot send it later begins behind it.
 */
async function logUnheard({ log }: RunContext, run: Run, loss: Loss | undefined): Promise<void> {
  const { transcription, clock, account, canResume } = run;
  const { source, fence } = claimedBy(run);
  await transcription.written;
  const heardMs = transcription.withheldFromMs ?? Math.floor(clock.receivedMs);
  const start_ms = loss === undefined ? heardMs : transcription.durableMs;
  const end_ms = Math.floor(account.received.positionMs);
  if (start_ms >= end_ms) return;
  const reach = { source, fence, coveredMs: canResume ? 0 : end_ms };
  await logGap(log, { source, start_ms, end_ms, cause: loss ?? 'not_sent_again' }, { reach });
}

/** The meeting idles or ends with its last claim. */
async function leaveMeeting(context: RunContext, run: Run): Promise<void> {
  const state = await run.claim.release();
  if (state === 'ongoing') return;
  if ((await isForgotten(context, run)) || (await isOverInLog(context.log))) return;
  await logMeetingState(context, claimedBy(run), state);
}

async function logMeetingState(
  context: EndContext,
  claimed: ClaimedSource,
  state: Exclude<MeetingState, 'ongoing'>,
): Promise<void> {
  const { log } = context;
  if (state === 'ended') await logEnded(log, claimed, await endDetails(context, claimed.source));
  else await logIdle(log, claimed);
}

/** Where the words of a meeting have got. */
async function endDetails(context: EndContext, source: Source): Promise<EndDetails> {
  const { epoch, seq } = await context.log.settledHead();
  return { source, last_seq: seq, coverage: await coverageOf(context, epoch) };
}

/** A meeting that was forgotten meanwhile stays so. */
async function isForgotten({ log }: EndContext, { from }: Run): Promise<boolean> {
  const { epoch } = await log.settledHead();
  return epoch !== from.epoch;
}

/** A node that knew of nobody else may have said it: one that was isolated, or when this claim had been given away. */
async function isOverInLog(log: TranscriptLog): Promise<boolean> {
  const { seq } = await log.settledHead();
  const last = (await log.read(Math.max(0, seq - 1), 1)).events.at(-1);
  return last?.type === 'status' && ['idle', 'ended'].includes(last.status);
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

const claimedBy = ({ source, claim }: Run): ClaimedSource => ({ source, fence: claim.fence });
