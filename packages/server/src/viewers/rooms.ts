/** The rooms of this node: made for the first viewer, closed after the last; and the senders in their meetings. */
import type { Source } from '@meetcast/protocol';
import type { Message } from '../bus/message.ts';
import type { MessageBus } from '../bus/message-bus.ts';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import type { TranscriptLog } from '../log/transcript-log.ts';
import type { Observe } from '../watch/observer.ts';
import { type Member, Room } from './room.ts';
import { SenderEcho } from './sender-echo.ts';

/** Time between two looks at the log while the bus is isolated. */
const isolatedCheckMs = 1_000;

export class Rooms {
  readonly senders: SenderEcho;
  readonly #rooms = new Map<string, Room>();
  readonly #bus: MessageBus;
  readonly #pageEntries: number;
  readonly #headCheckMs: number;
  readonly #observe: Observe;
  /** Rooms whose head is being looked at. */
  readonly #checking = new Set<Room>();
  #headCheck: NodeJS.Timeout | undefined;
  #delivered = 0;

  constructor(bus: MessageBus, limits: { pageEntries: number; headCheckMs: number }, observe: Observe) {
    this.#bus = bus;
    this.#pageEntries = limits.pageEntries;
    this.#headCheckMs = limits.headCheckMs;
    this.#observe = observe;
    this.senders = new SenderEcho(observe);
    this.#checkEvery(this.#headCheckMs);
  }

  /** The meetings that somebody here follows, or sends. */
  get meetings(): MeetingRef[] {
    const all = [...[...this.#rooms.values()].map(({ log }) => log.meeting), ...this.senders.meetings];
    return [...new Map(all.map((meeting) => [meetingKey(meeting), meeting])).values()];
  }

  /** Messages handed to viewers so far, each once per viewer. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Resolves when the member hears the meeting. A refused subscription leaves no room behind. */
  async join(log: TranscriptLog, member: Member): Promise<Room> {
    const key = meetingKey(log.meeting);
    const room =
      this.#rooms.get(key) ??
      new Room(log, this.#bus, this.#pageEntries, (messages) => {
        this.#delivered += messages;
      });
    this.#rooms.set(key, room);
    try {
      await room.join(member);
    } catch (error) {
      this.#forget(room);
      throw error;
    }
    return room;
  }

  leave(room: Room, member: Member): void {
    room.leave(member);
    if (!room.isEmpty) return;
    this.#forget(room);
    room.close().catch((error: unknown) => {
      this.#observe({ type: 'error', stage: 'bus', meeting: room.log.meeting, error });
    });
  }

  /** The meeting was forgotten: whoever is there begins anew. Other nodes find out by their next look at the head. */
  restart(meeting: MeetingRef): void {
    const room = this.#rooms.get(meetingKey(meeting));
    if (!room) return;
    this.#forget(room);
    room.restart();
  }

  /** Hands everybody in a meeting on this node a message that nobody else is to hear. */
  show(meeting: MeetingRef, message: Message): void {
    this.senders.show(meeting, message);
    this.#rooms.get(meetingKey(meeting))?.show(message);
  }

  /** A source is no longer sent to this node. */
  silence(meeting: MeetingRef, source: Source): void {
    this.#rooms.get(meetingKey(meeting))?.silence(source);
  }

  /** While the bus does not reach the other nodes the log tells what they say, and at once what they said meanwhile. */
  setIsolated(isIsolated: boolean): void {
    this.#checkEvery(isIsolated ? Math.min(this.#headCheckMs, isolatedCheckMs) : this.#headCheckMs);
    if (!isIsolated) for (const room of this.#rooms.values()) void this.#check(room);
  }

  async close(): Promise<void> {
    clearInterval(this.#headCheck);
    const rooms = [...this.#rooms.values()];
    this.#rooms.clear();
    await Promise.allSettled(rooms.map((room) => room.close()));
  }

  #forget(room: Room): void {
    const key = meetingKey(room.log.meeting);
    if (this.#rooms.get(key) === room) this.#rooms.delete(key);
  }

  #checkEvery(ms: number): void {
    clearInterval(this.#headCheck);
    this.#headCheck = setInterval(() => this.#checkHeads(), ms).unref();
  }

  /** A store that is slow is not asked again before it has answered. */
  #checkHeads(): void {
    for (const room of this.#rooms.values()) {
      if (!this.#checking.has(room)) void this.#check(room);
    }
  }

  async #check(room: Room): Promise<void> {
    this.#checking.add(room);
    try {
      const isSameLog = await room.checkHead();
      // Who comes back at once must not find what the old log left behind.
      if (!isSameLog) this.#forget(room);
    } catch (error) {
      this.#observe({ type: 'error', stage: 'store', meeting: room.log.meeting, error });
    }
    this.#checking.delete(room);
  }
}
