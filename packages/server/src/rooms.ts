/** The rooms of this node: made for the first viewer, closed after the last. */
import type { Bus } from './bus/bus.ts';
import { type MeetingRef, meetingKey } from './meeting.ts';
import type { Observe } from './observer.ts';
import { type Member, Room } from './room.ts';
import type { TranscriptLog } from './transcript-log.ts';

export class Rooms {
  readonly #rooms = new Map<string, Room>();
  readonly #bus: Bus;
  readonly #pageEntries: number;
  readonly #observe: Observe;
  readonly #headCheck: NodeJS.Timeout;

  constructor(bus: Bus, limits: { pageEntries: number; headCheckMs: number }, observe: Observe) {
    this.#bus = bus;
    this.#pageEntries = limits.pageEntries;
    this.#observe = observe;
    this.#headCheck = setInterval(() => this.#checkHeads(), limits.headCheckMs).unref();
  }

  /** Resolves when the member hears the meeting. A refused subscription leaves no room behind. */
  async join(log: TranscriptLog, member: Member): Promise<Room> {
    const key = meetingKey(log.meeting);
    const room = this.#rooms.get(key) ?? new Room(log, this.#bus, this.#pageEntries);
    this.#rooms.set(key, room);
    room.join(member);
    try {
      await room.ready();
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
    room.close().catch((error: unknown) => this.#report(room.log.meeting, error));
  }

  /** The meeting was forgotten: whoever is there begins anew. Other nodes find out by their next look at the head. */
  restart(meeting: MeetingRef): void {
    const room = this.#rooms.get(meetingKey(meeting));
    if (!room) return;
    this.#forget(room);
    room.restart();
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

  #checkHeads(): void {
    for (const room of this.#rooms.values()) {
      room.checkHead().catch((error: unknown) => {
        this.#observe({ type: 'error', stage: 'store', meeting: room.log.meeting, error });
      });
    }
  }

  #report(meeting: MeetingRef, error: unknown): void {
    this.#observe({ type: 'error', stage: 'bus', meeting, error });
  }
}
