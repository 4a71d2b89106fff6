/** How much audio of each source was received, forwarded and answered on this node: what stats and coverage say. */
import type { Source } from '@meetcast/protocol';
import { type MeetingRef, meetingKey } from './meeting.ts';

/** A length that grows as a position on the meeting's clock moves on; going over the same stretch again adds nothing. */
class Stretch {
  #positionMs = 0;
  #totalMs = 0;

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

  to(ms: number): void {
    this.#totalMs += Math.max(0, ms - this.#positionMs);
    this.#positionMs = Math.max(this.#positionMs, ms);
  }
}

/** One source's audio, across all the sessions that sent it to this node. */
export class AudioAccount {
  readonly received = new Stretch();
  readonly forwarded = new Stretch();
  readonly covered = new Stretch();
  #sessions = 0;

  get isActive(): boolean {
    return this.#sessions > 0;
  }

  begin(fromMs: number): void {
    this.#sessions += 1;
    for (const stretch of [this.received, this.forwarded, this.covered]) stretch.from(fromMs);
  }

  end(): void {
    this.#sessions -= 1;
  }
}

/** Meetings whose account is kept, newest first. */
const rememberedMeetings = 1_000;

export class AudioLedger {
  readonly #meetings = new Map<string, Map<Source, AudioAccount>>();

  account(meeting: MeetingRef, source: Source): AudioAccount {
    const key = meetingKey(meeting);
    const accounts = this.#meetings.get(key) ?? new Map<Source, AudioAccount>();
    this.#meetings.delete(key);
    this.#forgetOldest();
    this.#meetings.set(key, accounts);
    let account = accounts.get(source);
    if (!account) {
      account = new AudioAccount();
      accounts.set(source, account);
    }
    return account;
  }

  /** The sources this node has heard of a meeting. */
  of(meeting: MeetingRef): ReadonlyMap<Source, AudioAccount> {
    return this.#meetings.get(meetingKey(meeting)) ?? new Map();
  }

  /** The meeting has a new log and a new clock; only what is being sent now goes on. */
  forget(meeting: MeetingRef): void {
    const key = meetingKey(meeting);
    const active = [...this.of(meeting)].filter(([, { isActive }]) => isActive);
    if (active.length === 0) this.#meetings.delete(key);
    else this.#meetings.set(key, new Map(active));
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
