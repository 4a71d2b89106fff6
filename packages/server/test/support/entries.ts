/** Entries and events as a meeting's log and rooms see them. */
import type { LogEntry, LoggedEvent, Source, TranscriptFinal, TranscriptPartial } from '@meetcast/protocol';
import { writeEnvelope } from '../../src/bus/envelope.ts';
import { ephemeralMessage, loggedMessage, type Message } from '../../src/bus/message.ts';
import type { MeetingRef } from '../../src/lib/meeting.ts';

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

export const finalEvent = (
  seq: number,
  segmentNo = seq,
  changes: Partial<TranscriptFinal> = {},
): TranscriptFinal => ({
  ...finalEntry(segmentNo),
  seq,
  ...changes,
});

export const finalMessage = (seq: number, segmentNo = seq, source: Source = 'mic', epoch = 'e1'): Message =>
  loggedMessage({ epoch, event: finalEvent(seq, segmentNo, { meta: { source } }) });

export const statusMessage = (seq: number, epoch = 'e1'): Message =>
  loggedMessage({ epoch, event: { ...statusEntry('live'), seq } as LoggedEvent });

export const partialEvent = (segmentNo: number, text: string, source: Source = 'mic'): TranscriptPartial => ({
  type: 'transcript.partial',
  meeting_id: 'm',
  ts,
  segment_no: segmentNo,
  start_ms: 0,
  end_ms: 900,
  text,
  meta: { source },
});

export const partialMessage = (segmentNo: number, text: string, source: Source = 'mic'): Message =>
  ephemeralMessage(partialEvent(segmentNo, text, source));

/** As another node puts it on the bus. */
export const envelopeOf = (message: Message): Uint8Array => writeEnvelope('another-node', message);
