/** An accepted sender: its claim, and its audio's way into the log. */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Handshake, IngestDownstream, Source } from '@meetcast/protocol';
import type { LateHearing, Sent } from '../late-hearing/late-hearing.ts';
import { isNamed, type StaleFenceError } from '../lib/errors.ts';
import type { Limits } from '../lib/limits.ts';
import { present } from '../lib/present.ts';
import { TokenBucket } from '../lib/rate-limit.ts';
import { welcomeText } from '../lib/sentences.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { AudioFormat, Recognizer, RecognizerStream } from '../recognizer/recognizer.ts';
import type { Claim, Numbering, Registry } from '../registry/registry.ts';
import type { Connection } from '../socket/connection.ts';
import { type AlreadySaid, loggedOf, nothingLogged } from '../transcription/already-said.ts';
import type { AudioAccount, AudioLedger, SessionStart } from '../transcription/audio-ledger.ts';
import { offsetsFrom } from '../transcription/clock-offsets.ts';
import { MeetingClock } from '../transcription/meeting-clock.ts';
import { Transcription, type TranscriptionOptions } from '../transcription/transcription.ts';
import { UtteranceNumbers } from '../transcription/utterance-numbers.ts';
import type { Observe } from '../watch/observer.ts';
import { positionElsewhere } from './audio-notes.ts';
import { unheardOf } from './coverage.ts';
import type { Grace } from './grace.ts';
import { RecognizerStatus } from './recognizer-status.ts';
import { logLostWithNode } from './statuses.ts';

export interface RunContext {
  readonly log: TranscriptLog;
  readonly registry: Registry;
  readonly recognizer: Recognizer;
  readonly ledger: AudioLedger;
  readonly grace: Grace;
  readonly late: LateHearing;
  readonly limits: Limits;
  readonly observe: Observe;
  /** The format of a handshake that names none. */
  readonly defaultFormat: AudioFormat;
}

export interface Run {
  readonly sessionId: string;
  readonly source: Source;
  readonly format: AudioFormat;
  readonly claim: Claim;
  readonly stream: RecognizerStream;
  readonly clock: MeetingClock;
  readonly account: AudioAccount;
  readonly transcription: Transcription;
  readonly frames: TokenBucket;
  readonly from: SessionStart;
  /** From where on the meeting's clock nobody else has sent the source, as far as that is known. */
  readonly sessionFromMs: number | undefined;
  readonly isResumed: boolean;
  /** Whether the log says that the source it goes on with is off the record. */
  readonly isOffRecord: boolean;
  /** Whether its sender knows the session by name, and so may send again what is not durable. */
  readonly canResume: boolean;
  readonly recognizerStatus: RecognizerStatus;
  /** What the sender calls the meeting. */
  readonly title: string | undefined;
}

/** Who sends what, as the handshake said. */
export interface Sender {
  readonly connection: Connection;
  readonly sessionId: string;
  readonly source: Source;
  readonly handshake: Handshake;
}

/** The claim a sender holds while its place is looked for: another one may take its place. */
export interface Holding {
  claim: Claim;
  /** Aborts when its sender is not to be let in any longer. */
  readonly signal: AbortSignal;
}

/** Between two tries to claim a source whose last holder only drains, or waits for its sender. */
const claimRetryMs = 100;

/** How often a claim is raised above the fence that the store has seen. */
const raises = 3;

/**
 * The claim, or nothing if somebody else has it or the sender has left. Waits for a holder that only drains: its last words
 * go before those of whoever does not send them again.
 */
export async function claimSource(
  { log, registry }: RunContext,
  sender: Sender,
  signal: AbortSignal,
): Promise<Claim | undefined> {
  const { source, sessionId, handshake } = sender;
  const isAnew = !handshake.resume && !handshake.resume_if_known;
  for (;;) {
    await stillThere(sender);
    if (signal.aborted) return undefined;
    const claim = await registry.claim(log.meeting, source, sessionId, { isAnew });
    if (claim.kind === 'claim') return claim;
    if (!claim.draining) return undefined;
    await delay(claimRetryMs, undefined, { signal });
  }
}

/**
 * Waits until the sender has said that it is there; if it has left, the session is closed meanwhile. A handshake may have
 * been long on its way, or its place long in the finding: it must not take the source from the same sender's next
 * connection, which would not come back.
 */
async function stillThere({ handshake, connection }: Sender): Promise<void> {
  if (handshake.session_id !== undefined) await connection.answered();
}

/**
 * Opens the sender's recognizer, and then finds its place on the meeting's clock: whoever is refused has moved nothing,
 * and what was left by the session before it can still be told.
 */
export async function openRun(context: RunContext, sender: Sender, holding: Holding): Promise<Run> {
  const { recognizer, defaultFormat } = context;
  const { source, handshake } = sender;
  const format = {
    sampleRate: handshake.sample_rate ?? defaultFormat.sampleRate,
    channels: handshake.channels ?? defaultFormat.channels,
  };
  const { language } = handshake;
  const canWait = handshake.session_id !== undefined;
  const stream = await recognizer.open(
    { ...format, source, canWait, ...present({ language }) },
    holding.signal,
  );
  try {
    const isResumed = await resumes(context, sender);
    const place = await findPlace(context, sender, holding, isResumed);
    return runAt(place, { ...context, sender, claim: holding.claim, format, stream });
  } catch (error) {
    stream.abort();
    throw error;
  }
}

/** Whether a sender goes on where its session was. */
async function resumes({ log }: RunContext, { handshake, sessionId, source }: Sender): Promise<boolean> {
  if (handshake.resume || !handshake.resume_if_known) return handshake.resume === true;
  const last = await log.lastSession(source);
  return last?.session === markOf(sessionId) && (await log.covered(source)) > last.fromMs;
}

/** Where a sender's audio goes on, and what the log has of it. */
interface Place {
  readonly from: SessionStart;
  readonly sessionFromMs: number | undefined;
  readonly isResumed: boolean;
  readonly isOffRecord: boolean;
  /** The highest `segment_no` in the log. */
  readonly numbering: Numbering;
  readonly alreadySaid: AlreadySaid;
}

async function findPlace(
  context: RunContext,
  sender: Sender,
  holding: Holding,
  isResumed: boolean,
): Promise<Place> {
  const { log, ledger, registry } = context;
  const { source, sessionId } = sender;
  const lost = holding.claim.wasOrphaned && !isResumed ? await unheardOf(context, source) : [];
  const fromMs = await moveFence(context, sender, holding, isResumed);
  // Said even if the sender has left since: from here on nobody else can tell that it is missing.
  await logLostWithNode(log, { source, fence: holding.claim.fence }, lost);
  const last = await log.lastSession(source);
  const sessionFromMs = last?.session === markOf(sessionId) ? last.fromMs : undefined;
  const { epoch, seq, segmentNo } = await log.settledHead();
  ledger.forget(log.meeting, epoch);
  const [logged, heardMs, numbering] = await Promise.all([
    isResumed ? loggedOf(log, source, fromMs, seq) : nothingLogged,
    isResumed ? heardElsewhere(context, source, epoch) : 0,
    registry.numbering(log.meeting, segmentNo + 1),
  ]);
  return { from: { ms: fromMs, epoch, heardMs }, sessionFromMs, isResumed, numbering, ...logged };
}

interface Opened extends RunContext {
  readonly sender: Sender;
  readonly claim: Claim;
  readonly format: AudioFormat;
  readonly stream: RecognizerStream;
}

function runAt(place: Place, opened: Opened): Run {
  const { log, ledger, limits, sender, claim, format, stream } = opened;
  const { from, sessionFromMs, isResumed, isOffRecord } = place;
  const { sessionId, source, handshake } = sender;
  const canResume = handshake.session_id !== undefined;
  const clock = new MeetingClock(format, from.ms);
  const account = ledger.account(log.meeting, source);
  const recognizerStatus = new RecognizerStatus(log, source);
  const transcription = transcriptionAt(place, opened, {
    clock,
    account,
    onState: (state) => recognizerStatus.tell(state),
    onLeft: (audio) => {
      const { language } = handshake;
      const offsets = [...offsetsFrom(clock.offsets, audio.startMs)];
      const cause = 'recognizer_unavailable';
      opened.late.keep({ ...sentBy(opened, run), format, language, offsets, canResume, cause }, audio);
    },
  });
  const perSecond = limits.ingestFramesPerSecond;
  const run: Run = {
    sessionId,
    source,
    format,
    claim,
    stream,
    clock,
    account,
    transcription,
    recognizerStatus,
    frames: new TokenBucket(perSecond, perSecond, Date.now()),
    from,
    sessionFromMs,
    isResumed,
    isOffRecord,
    canResume,
    title: handshake.title,
  };
  return run;
}

function transcriptionAt(
  { numbering, alreadySaid }: Place,
  { log, registry, observe, sender, claim, stream }: Opened,
  own: Pick<TranscriptionOptions, 'clock' | 'account' | 'onState' | 'onLeft'>,
): Transcription {
  const { source } = sender;
  const { meeting } = log;
  return new Transcription({
    ...own,
    log,
    numbers: new UtteranceNumbers(log, registry, numbering),
    source,
    fence: claim.fence,
    stream,
    alreadySaid,
    onState: (state) => {
      own.onState(state);
      observe({ type: 'recognizer', state: state.state, meeting, source, reason: state.reason });
    },
  });
}

/** What a run has sent, for whoever deals with what is missing of it. */
export function sentBy(
  { log }: Pick<RunContext, 'log'>,
  { source, from, claim, isResumed, ...run }: Run,
): Sent {
  const { transcription, clock } = run;
  return {
    meeting: log.meeting,
    source,
    epoch: from.epoch,
    fence: claim.fence,
    beganAtMs: from.ms,
    isResumed,
    saidUpToMs: transcription.saidMs.map((ms) => clock.endAt(ms)),
  };
}

/**
 * Where on the meeting's clock the audio that follows begins. Moving the store's fence first means that from here on
 * nobody else's words of this source can be added. Words of an earlier session that still wait for the store go before:
 * they need not be said again.
 */
async function moveFence(
  context: RunContext,
  sender: Sender,
  holding: Holding,
  isResumed: boolean,
): Promise<number> {
  const atLeastMs = isResumed ? 0 : await positionOf(context);
  const { source } = sender;
  const session = markOf(sender.sessionId);
  for (let raised = 0; ; raised += 1) {
    const { fence } = holding.claim;
    holding.signal.throwIfAborted(); // Whoever ended the session says what is missing.
    try {
      return await context.log.cover({ source, fence, coveredMs: atLeastMs, session });
    } catch (error) {
      if (!isNamed('StaleFenceError', error) || raised === raises) throw error;
      await raise(context, sender, holding, error);
    }
  }
}

/** Tells sessions apart where they are kept: their ids let whoever has them take their place. */
const markOf = (sessionId: string): string => createHash('sha256').update(sessionId).digest('base64url');

/** What a sender is told that is accepted. */
export function acceptanceOf({ sessionId, from, sessionFromMs }: Run, limits: Limits): IngestDownstream {
  return {
    type: 'handshake_ack',
    status: 'success',
    message: welcomeText.sender,
    session_id: sessionId,
    resume_from_ms: from.ms,
    ...present({ session_from_ms: sessionFromMs }),
    epoch: from.epoch,
    max_frame_bytes: limits.ingestFrameBytes,
  };
}

/** Where a meeting's clock stands, as far as anybody knows: a fresh source begins there. */
async function positionOf({ log, registry, ledger, late }: RunContext): Promise<number> {
  const [covered, { epoch }, { elsewhere }] = await Promise.all([
    Promise.all([log.covered('mic'), log.covered('system')]),
    log.settledHead(),
    registry.counts(log.meeting),
  ]);
  ledger.forget(log.meeting, epoch);
  const heard = [ledger.positionMs(log.meeting), positionElsewhere(elsewhere, epoch)];
  const kept = late.positionMs(log.meeting, epoch);
  return Math.floor(Math.max(...covered, ...heard, kept));
}

/** A sender that comes here from another node may send again what that one has counted. */
async function heardElsewhere({ log, registry }: RunContext, source: Source, epoch: string): Promise<number> {
  const { elsewhere } = await registry.counts(log.meeting);
  return positionElsewhere(elsewhere, epoch, source);
}

/** A registry that forgot, or whose clock is behind, gave a fence below what the store has seen: it is told so. */
async function raise(
  { log, registry }: RunContext,
  sender: Sender,
  holding: Holding,
  stale: StaleFenceError,
): Promise<void> {
  const { signal } = holding;
  await stillThere(sender);
  signal.throwIfAborted();
  if (holding.claim.lost.aborted) throw stale; // It is no mistake: the same session has connected again.
  const { source, sessionId } = sender;
  const claim = await registry.claim(log.meeting, source, sessionId, { above: stale.fence });
  if (claim.kind === 'held') throw stale;
  if (signal.aborted) await claim.release(); // Whoever ended the session gave back the claim it knew of.
  signal.throwIfAborted();
  holding.claim = claim;
}
