/** How much audio of each source was received, forwarded and answered on this node: what stats and coverage say. */
import { type Source, sources } from '@meetcast/protocol';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';

/** Milliseconds of one source's audio, in all meetings together; they only grow. */
interface AudioTotals {
  received: number;
  forwarded: number;
  covered: number;
}

/** A length that grows as a position on the meeting's clock moves on; going over the same stretch again adds nothing. */
class Stretch {
  #positionMs = 0;
  #totalMs = 0;
  readonly #totals: AudioTotals;
  readonly #stage: keyof AudioTotals;

  constructor(totals: AudioTotals, stage: keyof AudioTotals) {
    this.#totals = totals;
    this.#stage = stage;
  }

  get totalMs(): number {
    return this.#totalMs;
  }

  get positionMs(): number {
    return this.#positionMs;
  }

  /** Goes on from here; what lies between was not heard. */
  from(ms: number): void {
    this.#positionMs = Math.max(this.#positionMs, ms);
  }

  /** A stretch that was gone over before has come to something after all. */
  fill(ms: number): void {
    this.#totalMs += ms;
    this.#totals[this.#stage] += ms;
  }

  to(ms: number): void {
    const grownMs = Math.max(0, ms - this.#positionMs);
    this.#positionMs = Math.max(this.#positionMs, ms);
    this.#totalMs += grownMs;
    this.#totals[this.#stage] += grownMs;
  }
}

const noAudio = (): AudioTotals => ({ received: 0, forwarded: 0, covered: 0 });

/** Where on the meeting's clock the audio of a session begins, and in which log. */
export interface SessionStart {
  readonly ms: number;
  readonly epoch: string;
  /** How far other nodes have heard this source already: of that nothing is received anew. Default 0. */
  readonly heardMs?: number;
}

/** One source's audio, across all the sessions that sent it to this node. */
export class AudioAccount {
  readonly received: Stretch;
  readonly forwarded: Stretch;
  readonly covered: Stretch;
  #epoch: string | undefined;
  #sessions = 0;

  constructor(totals = noAudio()) {
    this.received = new Stretch(totals, 'received');
    this.forwarded = new Stretch(totals, 'forwarded');
    this.covered = new Stretch(totals, 'covered');
  }

  get isActive(): boolean {
    return this.#sessions > 0;
  }

  /** The log in which the words of the latest session stand. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  begin({ ms: fromMs, epoch, heardMs = 0 }: SessionStart): void {
    this.#sessions += 1;
    this.#epoch = epoch;
    for (const stretch of [this.received, this.forwarded]) stretch.from(Math.max(fromMs, heardMs));
    this.covered.from(fromMs);
  }

  end(): void {
    this.#sessions -= 1;
  }
}

/** Meetings whose account is kept, newest first. */
const rememberedMeetings = 1_000;

export class AudioLedger {
  /** What this node has heard since it began, forgotten meetings too. */
  readonly totals = new Map<Source, AudioTotals>(sources.map((source) => [source, noAudio()]));
  readonly #meetings = new Map<string, Map<Source, AudioAccount>>();

  account(meeting: MeetingRef, source: Source): AudioAccount {
    const key = meetingKey(meeting);
    const accounts = this.#meetings.get(key) ?? new Map<Source, AudioAccount>();
    this.#meetings.delete(key);
    this.#forgetOldest();
    this.#meetings.set(key, accounts);
    let account = accounts.get(source);
    if (!account) {
      account = new AudioAccount(this.totals.get(source));
      accounts.set(source, account);
    }
    return account;
  }

  /** The sources this node has heard of a meeting. */
  of(meeting: MeetingRef): ReadonlyMap<Source, AudioAccount> {
    return this.#meetings.get(meetingKey(meeting)) ?? new Map();
  }

  /**
   * The meeting has a new log and a new clock: only what is being sent now goes on. With an `epoch` that is known to be
   * its log's, what belongs to that one is kept too: another node may have forgotten the meeting.
   */
  forget(meeting: MeetingRef, epoch?: string): void {
    const key = meetingKey(meeting);
    const accounts = this.of(meeting);
    const kept = [...accounts].filter(
      ([, account]) => account.isActive || (epoch !== undefined && (account.epoch ?? epoch) === epoch),
    );
    if (kept.length === accounts.size) return;
    if (kept.length === 0) this.#meetings.delete(key);
    else this.#meetings.set(key, new Map(kept));
  }

  /** Where on its clock a meeting is: the furthest that any of its sources has got on this node. 0 if none was heard. */
  positionMs(meeting: MeetingRef): number {
    return Math.max(0, ...[...this.of(meeting).values()].map(({ received }) => received.positionMs));
  }

  #forgetOldest(): void {
    if (this.#meetings.size < rememberedMeetings) return;
    for (const [key, accounts] of this.#meetings) {
      if ([...accounts.values()].some(({ isActive }) => isActive)) continue;
      this.#meetings.delete(key);
      return;
    }
  }
}
