/** What this node holds of every meeting, and what it decides by that alone. */
import { type Source, sources } from '@meetcast/protocol';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import type { GivenBack } from './meeting-state.ts';
import type { ClaimOptions, Held, HubCounts } from './registry.ts';

/** A claim as its node sees it. */
export interface Holder {
  readonly kind: 'holder';
  readonly meeting: MeetingRef;
  readonly source: Source;
  readonly session: string;
  readonly fence: number;
  readonly lost: AbortController;
  readonly wanted: AbortController;
  state: 'sent' | 'draining' | 'vacant';
  /** When its sender was gone. */
  goneAt: number | undefined;
}

/** A meeting in which this node holds something. */
export interface Present {
  readonly meeting: MeetingRef;
  readonly claims: Map<Source, Holder>;
  readonly seats: Set<string>;
  /** When a source that this node held was last finalized; 0 if none was. */
  finalizedAt: number;
}

export class Holdings {
  readonly #meetings = new Map<string, Present>();
  #lastFence = 0;
  #seats = 0;
  /** Counts what senders do: the clock of `goneAt` and `finalizedAt`. */
  #instant = 0;

  /** The highest fence this node knows of, in any meeting. */
  get lastFence(): number {
    return this.#lastFence;
  }

  get seatCount(): number {
    return this.#seats;
  }

  find(meeting: MeetingRef): Present | undefined {
    return this.#meetings.get(meetingKey(meeting));
  }

  all(): Present[] {
    return [...this.#meetings.values()];
  }

  /** Gives a claim without asking anybody: another session of this node may be in the way. */
  claim(
    meeting: MeetingRef,
    source: Source,
    session: string,
    { above = 0, isAnew = false }: ClaimOptions = {},
  ): Holder | Held {
    const before = this.find(meeting)?.claims.get(source);
    if (before && (before.session !== session || (isAnew && before.state !== 'sent'))) {
      if (before.state !== 'sent') before.wanted.abort();
      return { kind: 'held', draining: before.state !== 'sent' };
    }
    // By the time of day a restarted process outranks what an earlier one left; below a millisecond by chance,
    // so that two nodes that decide alone at the same time do not meet.
    const timeOfDay = Date.now() * 1_000 + Math.floor(Math.random() * 1_000);
    const fence = Math.max(this.#lastFence + 1, above + 1, timeOfDay);
    return this.hold({ meeting, source, session, fence });
  }

  /** Notes a claim that was given. It is lost at once if a later one has been noted before it. */
  hold(given: Pick<Holder, 'meeting' | 'source' | 'session' | 'fence'>): Holder {
    const { meeting, source, fence } = given;
    const [lost, wanted] = [new AbortController(), new AbortController()];
    const holder: Holder = { kind: 'holder', ...given, lost, wanted, state: 'sent', goneAt: undefined };
    this.#lastFence = Math.max(this.#lastFence, fence);
    const { claims } = this.#open(meeting);
    const before = claims.get(source);
    if (before && before.fence > fence) {
      lost.abort();
      return holder;
    }
    claims.set(source, holder);
    before?.lost.abort();
    return holder;
  }

  isHeld(holder: Holder): boolean {
    return this.find(holder.meeting)?.claims.get(holder.source) === holder;
  }

  /** Its sender is gone. Says whether it was still held. */
  leave(holder: Holder, state: 'draining' | 'vacant'): boolean {
    if (!this.isHeld(holder)) return false;
    holder.state = state;
    holder.goneAt ??= this.#now();
    return true;
  }

  /** What is left of the meeting, as far as this node knows. */
  release(holder: Holder, how?: 'finalized'): GivenBack {
    const present = this.find(holder.meeting);
    const isFinalized = how === 'finalized';
    if (isFinalized && present) present.finalizedAt = this.#now();
    this.#remove(holder);
    const { goneAt } = holder;
    return {
      claimed: present?.claims.size ?? 0,
      isFinalized,
      goneAt,
      finalizedAt: present?.finalizedAt ?? 0,
    };
  }

  /** Somebody has a higher fence. */
  lose(holder: Holder): void {
    if (this.#remove(holder)) holder.lost.abort();
  }

  /** The sources that are being sent now. */
  sent(meeting: MeetingRef): Source[] {
    return this.#claimed(meeting, (state) => state !== 'vacant');
  }

  vacant(meeting: MeetingRef): Source[] {
    return this.#claimed(meeting, (state) => state === 'vacant');
  }

  /** Whether somebody here sends or watches. */
  isBusy(meeting: MeetingRef): boolean {
    return this.seatsIn(meeting) > 0 || this.sent(meeting).length > 0;
  }

  seatsIn(meeting: MeetingRef): number {
    return this.find(meeting)?.seats.size ?? 0;
  }

  /** Says whether one of so many seats was free. */
  sit(meeting: MeetingRef, connection: string, most = Number.POSITIVE_INFINITY): boolean {
    if (this.seatsIn(meeting) >= most) return false;
    const { seats } = this.#open(meeting);
    if (!seats.has(connection)) this.#seats += 1;
    seats.add(connection);
    return true;
  }

  /** Says whether it had a seat. */
  stand(meeting: MeetingRef, connection: string): boolean {
    if (!this.find(meeting)?.seats.delete(connection)) return false;
    this.#seats -= 1;
    this.#tidy(meeting);
    return true;
  }

  totals(): HubCounts {
    const all = this.all();
    const ingests = all.reduce((sum, { meeting }) => sum + this.sent(meeting).length, 0);
    const meetings = all.filter(({ meeting }) => this.isBusy(meeting)).length;
    return { meetings, subscribers: this.#seats, ingests };
  }

  clear(): void {
    this.#meetings.clear();
    this.#seats = 0;
  }

  #claimed(meeting: MeetingRef, isMeant: (state: Holder['state']) => boolean): Source[] {
    const claims = this.find(meeting)?.claims;
    return sources.filter((source) => {
      const holder = claims?.get(source);
      return holder && isMeant(holder.state);
    });
  }

  #now(): number {
    this.#instant += 1;
    return this.#instant;
  }

  #remove(holder: Holder): boolean {
    if (!this.isHeld(holder)) return false;
    this.find(holder.meeting)?.claims.delete(holder.source);
    this.#tidy(holder.meeting);
    return true;
  }

  #open(meeting: MeetingRef): Present {
    const key = meetingKey(meeting);
    let present = this.#meetings.get(key);
    if (!present) {
      present = { meeting, claims: new Map(), seats: new Set(), finalizedAt: 0 };
      this.#meetings.set(key, present);
    }
    return present;
  }

  #tidy(meeting: MeetingRef): void {
    const present = this.find(meeting);
    if (present?.claims.size === 0 && present.seats.size === 0) this.#meetings.delete(meetingKey(meeting));
  }
}
