/** An accepted sender: its claim, and its audio's way into the log. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Handshake, Source } from '@meetcast/protocol';
import type { AudioAccount, AudioLedger } from './audio-ledger.ts';
import type { Limits } from './limits.ts';
import type { Message } from './message.ts';
import { TokenBucket } from './rate.ts';
import type { AudioFormat, Recognizer, RecognizerStream } from './recognizer/recognizer.ts';
import type { Claim, Registry } from './registry/registry.ts';
import { StreamClock } from './stream-clock.ts';
import type { TranscriptLog } from './transcript-log.ts';
import { Transcription } from './transcription.ts';

export interface RunContext {
  readonly log: TranscriptLog;
  readonly registry: Registry;
  readonly recognizer: Recognizer;
  readonly ledger: AudioLedger;
  readonly limits: Limits;
  /** The format of a handshake that names none. */
  readonly defaultFormat: AudioFormat;
}

export interface Run {
  readonly sessionId: string;
  readonly source: Source;
  readonly format: AudioFormat;
  readonly claim: Claim;
  readonly stream: RecognizerStream;
  readonly clock: StreamClock;
  readonly account: AudioAccount;
  readonly transcription: Transcription;
  readonly frames: TokenBucket;
  /** Where on the meeting's clock its first sample stands, and in which log. */
  readonly from: { readonly ms: number; readonly epoch: string };
  readonly isResumed: boolean;
  /** What the sender calls the meeting. */
  readonly title: string | undefined;
}

/** Who sends what, as the handshake said. */
export interface Sender {
  readonly sessionId: string;
  readonly source: Source;
  readonly handshake: Handshake;
}

/** Between two tries to claim a source whose last holder only drains. */
const claimRetryMs = 100;

/** The claim, or nothing if somebody else has it. Waits for a holder that only drains. */
export async function claimSource(
  { log, registry }: RunContext,
  { source, sessionId }: Sender,
  signal: AbortSignal,
): Promise<Claim | undefined> {
  for (;;) {
    const claim = await registry.claim(log.meeting, source, sessionId);
    if (claim.kind === 'claim') return claim;
    if (!claim.draining) return undefined;
    await delay(claimRetryMs, undefined, { signal });
  }
}

/** Finds the sender's place on the meeting's clock and opens its recognizer. */
export async function openRun(
  context: RunContext,
  sender: Sender,
  claim: Claim,
  signal: AbortSignal,
  onMessage: (message: Message) => void,
): Promise<Run> {
  const { log, registry, recognizer, ledger, limits, defaultFormat } = context;
  const { sessionId, source, handshake } = sender;
  const format = {
    sampleRate: handshake.sample_rate ?? defaultFormat.sampleRate,
    channels: handshake.channels ?? defaultFormat.channels,
  };
  const isResumed = handshake.resume === true;
  const fromMs = await place(context, claim, source, isResumed);
  const { epoch, segmentNo } = await log.settledHead();
  const { language } = handshake;
  const stream = await recognizer.open(
    { ...format, source, ...(language === undefined ? {} : { language }) },
    signal,
  );
  const clock = new StreamClock(format, fromMs);
  const account = ledger.account(log.meeting, source);
  const { fence } = claim;
  const transcription = new Transcription({
    log,
    registry,
    source,
    fence,
    stream,
    clock,
    account,
    lastSegmentNo: segmentNo,
    onMessage,
  });
  const perSecond = limits.ingestFramesPerSecond;
  const frames = new TokenBucket(perSecond, perSecond, Date.now());
  const from = { ms: fromMs, epoch };
  const { title } = handshake;
  const placed = { from, isResumed, title };
  return { sessionId, source, format, claim, stream, clock, account, transcription, frames, ...placed };
}

/**
 * Where on the meeting's clock the audio that follows begins. Moving the store's fence first means that from here on
 * nobody else's words of this source can be added. Words of an earlier session that still wait for the store go before:
 * they need not be said again.
 */
async function place(
  { log, ledger }: RunContext,
  { fence }: Claim,
  source: Source,
  isResumed: boolean,
): Promise<number> {
  if (isResumed) return log.cover({ source, fence, coveredMs: 0 });
  const covered = await Promise.all([log.covered('mic'), log.covered('system')]);
  return log.cover({
    source,
    fence,
    coveredMs: Math.floor(Math.max(...covered, ledger.positionMs(log.meeting))),
  });
}

/** How much of each source this node has heard, and how much of that it has stored the words of. */
export function coverageOf(ledger: AudioLedger, { meeting }: TranscriptLog) {
  return Object.fromEntries(
    [...ledger.of(meeting)].map(([source, { received, covered }]) => [
      source,
      { received_ms: Math.floor(received.totalMs), covered_ms: Math.floor(covered.totalMs) },
    ]),
  );
}
