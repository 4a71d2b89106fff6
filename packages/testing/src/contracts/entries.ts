/** Meetings and entries that contracts are checked with. */
import type { LogEntry } from '@meetcast/protocol';
import type { MeetingRef } from '@meetcast/server';

export const ts = '2026-03-02T09:00:04.120Z';

let meetings = 0;

/** A meeting that no other test has written to, in whatever the adapter under test lasts in. */
export function freshMeeting(tenant = 'acme'): MeetingRef {
  meetings += 1;
  return { tenant, id: `m-${process.pid}-${Date.now().toString(36)}-${meetings}` };
}

type FinalEntry = Extract<LogEntry, { type: 'transcript.final' }>;

export const finalEntry = (segmentNo: number, changes: Partial<FinalEntry> = {}): FinalEntry => ({
  type: 'transcript.final',
  meeting_id: 'm',
  ts,
  segment_no: segmentNo,
  start_ms: segmentNo * 1000,
  end_ms: segmentNo * 1000 + 900,
  text: `final ${segmentNo}`,
  meta: { source: 'mic' },
  ...changes,
});

export const statusEntry = (status: string): LogEntry => ({
  type: 'status',
  meeting_id: 'm',
  ts,
  status,
  message: `it is ${status}`,
});
