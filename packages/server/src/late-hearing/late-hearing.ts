/** The audio that nobody has heard on this node: kept within bounds until its sender has it again, or it is heard late. */
import type { Source } from '@meetcast/protocol';
import { isNamed } from '../lib/errors.ts';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Recognizer, UnheardAudio } from '../recognizer/recognizer.ts';
import type { Registry } from '../registry/registry.ts';
import type { AudioLedger } from '../transcription/audio-ledger.ts';
import { startIn } from '../transcription/clock-offsets.ts';
import type { Observe, UnheardState } from '../watch/observer.ts';
import { GapHistory } from './gap-history.ts';
import { hear } from './hearing.ts';
import { HeldHere, type Kept } from './kept.ts';
import { durationMs, fromMs, type Leftover, saidUpTo, toMs } from './leftover.ts';
import { type UnheardOptions, type UnheardSettings, unheardSettings } from './options.ts';
import { gapOf, ownerOf } from './ownership.ts';
import { type Due, RetrySchedule } from './retry-schedule.ts';
import { UnheardFolder } from './unheard-folder.ts';

export interface LateContext {
  readonly registry: Registry;
  readonly recognizer: Recognizer;
  readonly ledger: AudioLedger;
  readonly observe: Observe;
  log(meeting: MeetingRef): TranscriptLog;
}

/** Who sent a source until now. */
export interface Sent extends Pick<Leftover, 'meeting' | 'source' | 'epoch' | 'fence'> {
  /** Where on the meeting's clock it began, and whether that was where the words of the session before ended. */
  readonly beganAtMs: number;
  readonly isResumed: boolean;
  /** How far each channel's words are in the log, on the meeting's clock. */
  readonly saidUpToMs: readonly number[];
}

/** What its session knows of audio that nobody has heard. */
export type Lost = Sent & Pick<Leftover, 'format' | 'language' | 'offsets' | 'canResume' | 'cause'>;

interface Item extends Due {
  kept: Kept;
  gapHistory: GapHistory | undefined;
  /** Aborts when it is let go. */
  readonly gone: AbortController;
}

/** So often it is looked whether anything is to be let go, or was left by others. */
const sweepMs = 60_000;

export class LateHearing {
  readonly #context: LateContext;
  readonly #settings: UnheardSettings | undefined;
  readonly #folder: UnheardFolder | undefined;
  readonly #sweeps: NodeJS.Timeout | undefined;
  readonly #items = new Set<Item>();
  readonly #schedule: RetrySchedule<Item>;
  /** What is being written or removed. */
  readonly #busy = new Set<Promise<void>>();
  readonly #stopped = new AbortController();

  /** `false`: nothing is kept. */
  constructor(options: UnheardOptions | false, context: LateContext) {
    this.#context = context;
    this.#settings = options === false ? undefined : unheardSettings(options);
    const { folder, minMs = 0, maxMs = 0 } = this.#settings ?? {};
    this.#schedule = new RetrySchedule({
      backoff: { minMs, maxMs },
      items: this.#items,
      tidy: () => this.#dropOld(),
      visit: (item) => this.#visit(item),
      failed: (item, error) => item.failures === 1 && this.#report(item, error),
    });
    if (!this.#settings) return;
    if (folder !== undefined) this.#folder = new UnheardFolder(folder);
    this.#sweeps = setInterval(() => this.#track(this.#sweep()), sweepMs);
    this.#sweeps.unref();
    this.#track(this.#takeOver());
  }

  get keptBytes(): number {
    return sum([...this.#items].map(({ kept }) => kept.leftover.bytes));
  }

  get keptMs(): number {
    return sum([...this.#items].map(({ kept }) => durationMs(kept.leftover)));
  }

  /** How far the meeting's clock is known to have got by what is kept of it. */
  positionMs(meeting: MeetingRef, epoch: string): number {
    const kept = this.#of(meeting).filter(({ kept }) => kept.leftover.epoch === epoch);
    return Math.max(0, ...kept.map(({ kept }) => toMs(kept.leftover)));
  }

  /** Takes audio that its session gave up. The log will say that its words are missing, unless its sender is back before. */
  keep(lost: Lost, audio: UnheardAudio): void {
    if (!this.#settings) return void audio.discard();
    const { beganAtMs, isResumed, saidUpToMs, ...known } = lost;
    const saidMs = saidUpToMs.map(() => 0);
    const fresh = { ...known, bytes: audio.bytes, keptAtMs: Date.now(), claim: 'none' as const, saidMs };
    const leftover: Leftover = { ...fresh, saidMs: saidUpTo(fresh, saidUpToMs) };
    if (this.#isRest(lost, leftover)) return void audio.discard();
    const item = this.#add(new HeldHere(leftover, audio));
    this.#tell(item, 'kept');
    this.#dropSurplus();
    this.#track(this.#settle(item));
  }

  /** A session is over that did not hear all of its source, and the log says so: nobody sends that now. */
  missed(sent: Sent): void {
    for (const item of this.#of(sent.meeting, sent.source)) {
      if (isSameAudio(item.kept.leftover, sent)) this.#hand(item, sent);
      item.dueAtMs = Math.min(item.dueAtMs, Date.now());
    }
    this.#schedule.wake();
  }

  /** The meeting was forgotten: nothing of it is kept any longer. */
  forget(meeting: MeetingRef): void {
    for (const item of this.#of(meeting)) this.#drop(item, 'forgotten');
  }

  /** Nothing more is heard; what is lost from now on is kept still. Resolves when nothing is on its way. */
  stop(): Promise<void> {
    this.#stopped.abort();
    clearInterval(this.#sweeps);
    return this.#schedule.end();
  }

  /** What is in a folder is left there for a later process; the rest goes. */
  async close(): Promise<void> {
    await this.stop();
    while (this.#busy.size > 0) await Promise.allSettled(this.#busy);
    const gone = [...this.#items].filter(({ kept }) => kept instanceof HeldHere);
    this.#items.clear();
    await Promise.all(gone.map(({ kept }) => kept.discard()));
    await this.#folder?.close();
  }

  #add(kept: Kept): Item {
    const item = {
      kept,
      gapHistory: undefined,
      gone: new AbortController(),
      dueAtMs: Number.POSITIVE_INFINITY,
      failures: 0,
    };
    this.#items.add(item);
    return item;
  }

  /** Puts it where it is safe, and notes where the log is. */
  async #settle(item: Item): Promise<void> {
    const { meeting, epoch } = item.kept.leftover;
    await this.#toFolder(item);
    const head = await this.#context
      .log(meeting)
      .settledHead()
      .catch(() => undefined);
    if (item.gone.signal.aborted) return;
    if (head && head.epoch !== epoch) return this.#drop(item, 'forgotten');
    if (head)
      await item.kept.save({ sinceSeq: head.seq }).catch((error: unknown) => this.#report(item, error));
    item.dueAtMs = Date.now();
    this.#schedule.wake();
  }

  /** A disk that refuses is reported; then it stays where it is. */
  async #toFolder(item: Item): Promise<void> {
    const { leftover, audio } = item.kept;
    try {
      const kept = await this.#folder?.put(leftover, audio);
      if (!kept) return;
      if (item.gone.signal.aborted) return await kept.discard();
      const { saidMs, fence } = item.kept.leftover;
      item.kept = kept;
      await kept.save({ saidMs, fence });
    } catch (error) {
      if (!item.gone.signal.aborted) this.#report(item, error);
    }
  }

  /** Whether what a resumed session left is the rest of what is kept of an earlier one; or that is no longer needed. */
  #isRest(lost: Lost, leftover: Leftover): boolean {
    for (const item of this.#of(lost.meeting, lost.source)) {
      if (!isSameAudio(item.kept.leftover, lost)) continue;
      if (toMs(item.kept.leftover) <= toMs(leftover)) {
        this.#drop(item, 'sent_again');
        continue;
      }
      this.#hand(item, lost);
      return true;
    }
    return false;
  }

  /** A later session has said some of it; what it has not is for whoever comes after that one. */
  #hand(item: Item, { fence, saidUpToMs }: Sent): void {
    const saidMs = saidUpTo(item.kept.leftover, saidUpToMs);
    const saved = item.kept.save({ fence, saidMs });
    this.#track(saved.catch((error: unknown) => this.#report(item, error)));
  }

  /** Answers whether the recognizer took it. */
  async #visit(item: Item): Promise<boolean> {
    const { kept, gone } = item;
    const { senderAwayMs, minMs } = this.#settings as UnheardSettings;
    const log = this.#context.log(kept.leftover.meeting);
    try {
      item.gapHistory ??= new GapHistory(log, kept.leftover);
      const owner = await ownerOf(kept, item.gapHistory, log, { senderAwayMs, nowMs: Date.now() });
      if (gone.signal.aborted || this.#stopped.signal.aborted) return false;
      if (owner === 'hub') return await this.#hear(item, item.gapHistory, log);
      if (owner === 'sender') this.#drop(item, 'sent_again');
      else item.dueAtMs = Math.min(item.dueAtMs, Date.now() + minMs);
    } catch (error) {
      if (gone.signal.aborted) return false;
      if (!isNamed('StaleEpochError', error)) throw error;
      this.#drop(item, 'forgotten');
    }
    return false;
  }

  async #hear(item: Item, gapHistory: GapHistory, log: TranscriptLog): Promise<boolean> {
    const { kept, gone } = item;
    const { registry, recognizer } = this.#context;
    await learnSaid(kept, gapHistory);
    const gap = await gapOf(kept, gapHistory, log);
    const signal = AbortSignal.any([gone.signal, this.#stopped.signal]);
    await hear({ kept, gap, log, registry, recognizer, signal });
    const { meeting, source, epoch, offsets } = kept.leftover;
    const startMs = Math.max(startIn(offsets, 0), gap.start_ms);
    const endMs = Math.min(toMs(kept.leftover), gap.end_ms);
    const account = this.#context.ledger.of(meeting).get(source);
    if (account?.epoch === epoch) account.covered.fill(endMs - startMs);
    this.#drop(item, 'heard', { startMs, endMs });
    return true;
  }

  /** However long the recognizer takes over one of them. */
  async #sweep(): Promise<void> {
    this.#dropOld();
    const meetings = new Map([...this.#items].map(({ kept }) => [meetingKey(kept.leftover.meeting), kept]));
    for (const { leftover } of meetings.values()) await this.#checkEpoch(leftover.meeting);
    await this.#takeOver();
  }

  /** Another node may have forgotten the meeting. While the store is away nobody knows. */
  async #checkEpoch(meeting: MeetingRef): Promise<void> {
    const head = await this.#context
      .log(meeting)
      .head()
      .catch(() => undefined);
    for (const item of this.#of(meeting))
      if (head && item.kept.leftover.epoch !== head.epoch) this.#drop(item, 'forgotten');
  }

  /** What processes that are gone have left in the folder. */
  async #takeOver(): Promise<void> {
    const { maxAgeMs = 0 } = this.#settings ?? {};
    try {
      const found = await this.#folder?.takeOver((error) => this.#report(undefined, error));
      for (const kept of found ?? []) {
        const item = this.#add(kept);
        item.dueAtMs = Date.now();
        this.#tell(item, 'kept');
      }
      await this.#folder?.removeOld(Date.now() - maxAgeMs);
    } catch (error) {
      this.#report(undefined, error);
    }
    this.#dropOld();
    this.#dropSurplus();
    this.#schedule.wake();
  }

  #dropOld(): void {
    const { maxAgeMs = 0 } = this.#settings ?? {};
    for (const item of this.#items)
      if (Date.now() - item.kept.leftover.keptAtMs > maxAgeMs) this.#drop(item, 'too_old');
  }

  #dropSurplus(): void {
    const { maxBytes = 0 } = this.#settings ?? {};
    const oldestFirst = [...this.#items].sort((a, b) => a.kept.leftover.keptAtMs - b.kept.leftover.keptAtMs);
    let bytes = this.keptBytes;
    for (const item of oldestFirst) {
      if (bytes <= maxBytes) return;
      bytes -= item.kept.leftover.bytes;
      this.#drop(item, 'too_much');
    }
  }

  #drop(item: Item, why: Exclude<UnheardState, 'kept'>, stretch = stretchOf(item.kept.leftover)): void {
    if (!this.#items.delete(item)) return;
    item.gone.abort();
    this.#track(item.kept.discard());
    this.#tell(item, why, stretch);
  }

  #of(meeting: MeetingRef, source?: Source): Item[] {
    const key = meetingKey(meeting);
    return [...this.#items].filter(({ kept: { leftover } }) => {
      return meetingKey(leftover.meeting) === key && (source === undefined || leftover.source === source);
    });
  }

  #track(done: Promise<void>): void {
    const tracked = done.finally(() => this.#busy.delete(tracked));
    this.#busy.add(tracked);
  }

  #tell({ kept }: Item, state: UnheardState, stretch = stretchOf(kept.leftover)): void {
    const { meeting, source, bytes } = kept.leftover;
    this.#context.observe({ type: 'unheard', state, meeting, source, bytes, ...stretch });
  }

  #report(item: Item | undefined, error: unknown): void {
    const about = item ? { meeting: item.kept.leftover.meeting } : {};
    this.#context.observe({ type: 'error', stage: 'late', ...about, error });
  }
}

const stretchOf = (leftover: Leftover) => ({ startMs: fromMs(leftover), endMs: toMs(leftover) });

/** Whether a later session was sent some of it again: it began before its end, where the words of the one before ended. */
function isSameAudio(leftover: Leftover, { isResumed, beganAtMs, epoch, fence }: Sent): boolean {
  return isResumed && fence > leftover.fence && epoch === leftover.epoch && beganAtMs < toMs(leftover);
}

/** The log knows whether the final was written that its process was about to write when it ended. */
async function learnSaid(kept: Kept, { isSaid, saying }: GapHistory): Promise<void> {
  const { saidMs } = kept.leftover;
  if (!saying || saying !== kept.leftover.saying) return;
  await kept.save({ saidMs: isSaid ? saidMs.with(saying.channel, saying.endMs) : saidMs, saying: undefined });
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
