/** A registry for one node: maps in this process. */

import type { MeetingRef } from '../lib/meeting.ts';
import { Holdings } from './holdings.ts';
import { meetingStateAfter } from './meeting-state.ts';
import type { Numbering, Registry } from './registry.ts';
import { SegmentNos } from './segment-nos.ts';

export function memoryRegistry(): Registry {
  const holdings = new Holdings();
  const segmentNos = new SegmentNos();

  return {
    async claim(meeting, source, session, options) {
      const holder = holdings.claim(meeting, source, session, options);
      if (holder.kind === 'held') return holder;
      return {
        kind: 'claim',
        fence: holder.fence,
        lost: holder.lost.signal,
        wanted: holder.wanted.signal,
        async markDraining() {
          holdings.leave(holder, 'draining');
        },
        async markVacant() {
          holdings.leave(holder, 'vacant');
        },
        note() {}, // There is no other node.
        async release(how) {
          return meetingStateAfter(holdings.release(holder, how));
        },
      };
    },
    async seat(meeting, connection, seats) {
      if (!holdings.sit(meeting, connection, seats)) return { kind: 'full' };
      return {
        kind: 'seat',
        async release() {
          holdings.stand(meeting, connection);
        },
      };
    },
    async counts(meeting) {
      return {
        subscribers: holdings.seatsIn(meeting),
        ingests: holdings.sent(meeting),
        vacant: holdings.vacant(meeting),
        elsewhere: [],
      };
    },
    async totals() {
      return holdings.totals();
    },
    async nextSegmentNo(meeting, atLeast) {
      return segmentNos.next(meeting, atLeast);
    },
    async numbering(meeting, atLeast) {
      return numberingOf(segmentNos, meeting, atLeast);
    },
    async close() {
      holdings.clear();
      segmentNos.clear();
    },
  };
}

/** Nobody else gives numbers, so none are taken ahead. */
function numberingOf(segmentNos: SegmentNos, meeting: MeetingRef, atLeast: number): Numbering {
  let given = atLeast - 1;
  return {
    next() {
      given = segmentNos.next(meeting, given + 1);
      return given;
    },
  };
}
