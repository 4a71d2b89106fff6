/** The highest segment number of each meeting that this node knows of. */
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';

interface Known {
  readonly meeting: MeetingRef;
  highest: number;
  /** Numbers were given without asking, and nobody else knows of them yet. */
  isUnreported: boolean;
  /** Nobody else can count on from `highest`: it was given without asking, and has been told to nobody since. */
  isAlone: boolean;
  /** Others may have been given numbers that this node has not heard of. */
  isUnsure: boolean;
}

/** Meetings that are remembered; for older ones the log's own `atLeast` is the floor. */
const rememberedMeetings = 10_000;

export class SegmentNos {
  readonly #meetings = new Map<string, Known>();

  /** The next number for somebody who alone gives numbers. */
  next(meeting: MeetingRef, atLeast: number): number {
    const known = this.#touch(meeting);
    known.highest = Math.max(known.highest + 1, atLeast);
    return known.highest;
  }

  /**
   * The next number while others give some unheard: the first one jumps ahead, so that they do not meet, and so does
   * one whose floor is beyond what is known, as somebody else counts there.
   */
  nextAlone(meeting: MeetingRef, atLeast: number, jump: number): number {
    const known = this.#touch(meeting);
    if (!known.isAlone || atLeast > known.highest + 1) {
      known.highest = Math.max(known.highest, atLeast - 1) + jump;
    }
    Object.assign(known, { isUnreported: true, isAlone: true });
    return this.next(meeting, atLeast);
  }

  /** What is known, for telling it: even if no answer comes, others may count on from there. */
  tell(meeting: MeetingRef): Readonly<Known> | undefined {
    const known = this.#meetings.get(meetingKey(meeting));
    if (known) known.isAlone = false;
    return known;
  }

  known(meeting: MeetingRef): Readonly<Known> | undefined {
    return this.#meetings.get(meetingKey(meeting));
  }

  /** Everybody counts from here on; what was given alone since they were asked is above it, and still to be told. */
  agree(meeting: MeetingRef, highest: number): void {
    if (highest === 0) return;
    this.raise(meeting, highest);
    const known = this.#touch(meeting);
    known.isUnreported &&= known.highest > highest;
    known.isUnsure = false;
  }

  /** Somebody was given this number. */
  raise(meeting: MeetingRef, highest: number): void {
    if (highest <= (this.known(meeting)?.highest ?? 0)) return;
    Object.assign(this.#touch(meeting), { highest, isUnreported: false, isAlone: false });
  }

  /** This node was away: it says in which meetings it has numbers to tell. */
  doubt(): MeetingRef[] {
    const all = [...this.#meetings.values()];
    for (const known of all) known.isUnsure = true;
    return all.filter(({ isUnreported }) => isUnreported).map(({ meeting }) => meeting);
  }

  clear(): void {
    this.#meetings.clear();
  }

  #touch(meeting: MeetingRef): Known {
    const key = meetingKey(meeting);
    const known = this.#meetings.get(key) ?? {
      meeting,
      highest: 0,
      isUnreported: false,
      isAlone: false,
      isUnsure: false,
    };
    this.#meetings.delete(key);
    this.#meetings.set(key, known);
    const [oldest] = this.#meetings.keys();
    if (this.#meetings.size > rememberedMeetings && oldest !== undefined) this.#meetings.delete(oldest);
    return known;
  }
}
