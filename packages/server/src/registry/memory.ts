/** A registry for one node: maps in this process. */
import { type Source, sources } from '@meetcast/protocol';
import { type MeetingRef, meetingKey } from '../meeting.ts';
import type { Claim, Registry } from './registry.ts';

interface Holder {
  readonly session: string;
  readonly fence: number;
  readonly lost: AbortController;
  draining: boolean;
}

interface Present {
  readonly claims: Map<Source, Holder>;
  readonly seats: Set<string>;
}

/** Meetings whose last segment number is remembered; for older ones the log's own `atLeast` is the floor. */
const rememberedMeetings = 10_000;

export function memoryRegistry(): Registry {
  const meetings = new Map<string, Present>();
  const segmentNos = new Map<string, number>();
  // Starts at the time of day, so that a restarted process outranks claims an earlier one left in a lasting store.
  let lastFence = Date.now();

  function open(meeting: MeetingRef): Present {
    const key = meetingKey(meeting);
    let present = meetings.get(key);
    if (!present) {
      present = { claims: new Map(), seats: new Set() };
      meetings.set(key, present);
    }
    return present;
  }

  function tidy(meeting: MeetingRef, present: Present): void {
    // Whoever gives back late must not take down what newcomers opened since.
    if (meetings.get(meetingKey(meeting)) !== present) return;
    if (present.claims.size === 0 && present.seats.size === 0) meetings.delete(meetingKey(meeting));
  }

  function claimOf(meeting: MeetingRef, present: Present, source: Source, holder: Holder): Claim {
    return {
      kind: 'claim',
      fence: holder.fence,
      lost: holder.lost.signal,
      async drain() {
        holder.draining = true;
      },
      async release() {
        if (present.claims.get(source) === holder) present.claims.delete(source);
        tidy(meeting, present);
        return meetings.get(meetingKey(meeting))?.claims.size ?? 0;
      },
    };
  }

  return {
    async claim(meeting, source, session) {
      const present = open(meeting);
      const before = present.claims.get(source);
      if (before && before.session !== session) return { kind: 'held', draining: before.draining };
      lastFence += 1;
      const holder: Holder = { session, fence: lastFence, lost: new AbortController(), draining: false };
      present.claims.set(source, holder);
      before?.lost.abort();
      return claimOf(meeting, present, source, holder);
    },
    async seat(meeting, connection, seats) {
      const present = open(meeting);
      if (present.seats.size >= seats) return { kind: 'full' };
      present.seats.add(connection);
      return {
        kind: 'seat',
        async release() {
          if (present.seats.delete(connection)) tidy(meeting, present);
        },
      };
    },
    async counts(meeting) {
      const present = meetings.get(meetingKey(meeting));
      return {
        subscribers: present?.seats.size ?? 0,
        ingests: sources.filter((source) => present?.claims.has(source)),
      };
    },
    async totals() {
      const present = [...meetings.values()];
      return {
        meetings: present.length,
        subscribers: present.reduce((sum, { seats }) => sum + seats.size, 0),
        ingests: present.reduce((sum, { claims }) => sum + claims.size, 0),
      };
    },
    async nextSegmentNo(meeting, atLeast) {
      const key = meetingKey(meeting);
      const next = Math.max((segmentNos.get(key) ?? 0) + 1, atLeast);
      segmentNos.delete(key);
      segmentNos.set(key, next);
      const [oldest] = segmentNos.keys();
      if (segmentNos.size > rememberedMeetings && oldest !== undefined) segmentNos.delete(oldest);
      return next;
    },
    async close() {
      meetings.clear();
      segmentNos.clear();
    },
  };
}
