/** An accepted sender: its claim, and its audio's way into the log. */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Handshake, Source } from '@meetcast/protocol';
import type { Message } from '../bus/message.ts';
import type { LateHearing, Sent } from '../late-hearing/late-hearing.ts';
import { isNamed, type StaleFenceError } from '../lib/errors.ts';
import type { Limits } from '../lib/limits.ts';
import { TokenBucket } from '../lib/rate-limit.ts';
import { welcomeText } from '../lib/sentences.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { AudioFormat, Recognizer, RecognizerStream } from '../recognizer/recognizer.ts';
import type { Claim, Registry } from '../registry/registry.ts';
import type { Connection } from '../socket/connection.ts';
import { loggedOf, nothingLogged, type Stretch } from '../transcription/already-said.ts';
import type { AudioAccount, AudioLedger, Beginning } from '../transcription/audio-ledger.ts';
import { MeetingClock } from '../transcription/meeting-clock.ts';
import { Transcription } from '../transcription/transcription.ts';
import type { Observe } from '../watch/observer.ts';
import { heardOf, positionElsewhere } from './audio-notes.ts';
import type { Grace } from './grace.ts';
import { RecognizerStatus } from './recognizer-status.ts';
import { unheardOf } from './unheard.ts';

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
  readonly from: Beginning;
  /** From where on the meeting's clock nobody else has sent the source, as far as that is known. */
  readonly sessionFromMs: number | undefined;
  readonly isResumed: boolean;
  /** Whether the log says that the source it goes on with is off the record. */
  readonly isOffRecord: boolean;
  /** Whether its sender knows the session by name, and so may send again what is not durable. */
  readonly canResume: boolean;
  readonly recognizerStatus: RecognizerStatus;
  /** What a node that died had received of the source, and nobody sends again. */
  readonly unheard: readonly Stretch[];
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
export async function openRun(
  context: RunContext,
  sender: Sender,
  holding: Holding,
  signal: AbortSignal,
  onMessage: (message: Message) => void,
): Promise<Run> {
  const { recognizer, defaultFormat } = context;
  const { source, handshake } = sender;
  const format = {
    sampleRate: handshake.sample_rate ?? defaultFormat.sampleRate,
    channels: handshake.channels ?? defaultFormat.channels,
  };
  const { language } = handshake;
  const canWait = handshake.session_id !== undefined;
  const stream = await recognizer.open(
    { ...format, source, canWait, ...(language === undefined ? {} : { language }) },
    signal,
  );
  try {
    const isResumed = await resumes(context, sender);
    return await placeRun(context, sender, holding, signal, { format, stream, isResumed, onMessage });
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

interface Opened {
  readonly format: AudioFormat;
  readonly stream: RecognizerStream;
  readonly isResumed: boolean;
  readonly onMessage: (message: Message) => void;
}

async function placeRun(
  context: RunContext,
  sender: Sender,
  holding: Holding,
  signal: AbortSignal,
  { format, stream, isResumed, onMessage }: Opened,
): Promise<Run> {
  const { log, registry, ledger, limits, observe } = context;
  const canResume = sender.handshake.session_id !== undefined;
  const { sessionId, source, handshake } = sender;
  const unheard = holding.claim.wasAbandoned && !isResumed ? await unheardOf(context, source) : [];
  const fromMs = await place(context, sender, holding, signal, isResumed);
  const last = await log.lastSession(source);
  const sessionFromMs = last?.session === markOf(sessionId) ? last.fromMs : undefined;
  const { epoch, seq, segmentNo } = await log.settledHead();
  ledger.forget(log.meeting, epoch);
  const { alreadySaid, isOffRecord } = isResumed ? await loggedOf(log, source, fromMs, seq) : nothingLogged;
  const heardMs = isResumed ? await heardElsewhere(context, source, epoch) : 0;
  const clock = new MeetingClock(format, fromMs);
  const account = ledger.account(log.meeting, source);
  const { claim } = holding;
  const recognizerStatus = new RecognizerStatus(log, source, onMessage);
  const transcription = new Transcription({
    log,
    registry,
    source,
    fence: claim.fence,
    stream,
    clock,
    account,
    lastSegmentNo: segmentNo,
    alreadySaid,
    onMessage,
    onState: (state) => {
      recognizerStatus.tell(state);
      const { state: name, reason } = state;
      observe({ type: 'recognizer', state: name, meeting: log.meeting, source, reason });
    },
    onLeft: (audio) => {
      const { language } = handshake;
      const offsets = [...clock.offsetsFrom(audio.startMs)];
      const cause = 'recognizer_unavailable';
      context.late.keep({ ...sentBy(context, run), format, language, offsets, canResume, cause }, audio);
    },
  });
  const perSecond = limits.ingestFramesPerSecond;
  const frames = new TokenBucket(perSecond, perSecond, Date.now());
  const from = { ms: fromMs, epoch, heardMs };
  const { title } = handshake;
  const placed = { from, sessionFromMs, isResumed, isOffRecord, canResume, title };
  const run = {
    sessionId,
    source,
    format,
    claim,
    stream,
    clock,
    account,
    transcription,
    recognizerStatus,
    unheard,
    frames,
    ...placed,
  };
  return run;
}

/** What a run has sent, for whoever deals with what is missing of it. */
export function sentBy({ log }: RunContext, { source, from, claim, isResumed, ...run }: Run): Sent {
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
async function place(
  context: RunContext,
  sender: Sender,
  holding: Holding,
  signal: AbortSignal,
  isResumed: boolean,
): Promise<number> {
  const atLeastMs = isResumed ? 0 : await positionOf(context);
  const { source } = sender;
  const session = markOf(sender.sessionId);
  for (let raised = 0; ; raised += 1) {
    const { fence } = holding.claim;
    try {
      return await context.log.cover({ source, fence, coveredMs: atLeastMs, session });
    } catch (error) {
      if (!isNamed('StaleFenceError', error) || raised === raises) throw error;
      await raise(context, sender, holding, signal, error);
    }
  }
}

/** Tells sessions apart where they are kept: their ids let whoever has them take their place. */
const markOf = (sessionId: string): string => createHash('sha256').update(sessionId).digest('base64url');

/** Tells a sender that it is accepted, and from then on what is taken back: its screen may show those words. */
export function welcome({ log, limits, observe }: RunContext, run: Run, connection: Connection): void {
  const { sessionId, from, sessionFromMs } = run;
  connection.send({
    type: 'handshake_ack',
    status: 'success',
    message: welcomeText.sender,
    session_id: sessionId,
    resume_from_ms: from.ms,
    ...(sessionFromMs === undefined ? {} : { session_from_ms: sessionFromMs }),
    epoch: from.epoch,
    max_frame_bytes: limits.ingestFrameBytes,
  });
  const listening = log.listen(({ type, frame }) => {
    if (type === 'retract') connection.write(frame);
  });
  Promise.all([listening, connection.closed])
    .then(([unsubscribe]) => unsubscribe())
    .catch((error: unknown) => observe({ type: 'error', stage: 'bus', meeting: log.meeting, error }));
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
  signal: AbortSignal,
  stale: StaleFenceError,
): Promise<void> {
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

/** How much of each source was received, how much of that reached the recognizer, and how much has its words stored. */
export async function coverageOf(
  { ledger, registry, log }: Pick<RunContext, 'ledger' | 'registry' | 'log'>,
  epoch: string,
) {
  const { elsewhere } = await registry.counts(log.meeting);
  const heard = heardOf(ledger, log.meeting, epoch, elsewhere);
  return Object.fromEntries(
    Object.entries(heard).map(([source, { receivedMs, forwardedMs, coveredMs }]) => [
      source,
      {
        received_ms: Math.floor(receivedMs),
        forwarded_ms: Math.floor(forwardedMs),
        covered_ms: Math.floor(coveredMs),
      },
    ]),
  );
}
