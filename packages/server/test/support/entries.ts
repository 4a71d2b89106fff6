/** Entries and events as a meeting's log and rooms see them. */
import type { LoggedEvent, Source, TranscriptFinal, TranscriptPartial } from '@meetcast/protocol';
import { finalEntry, statusEntry, ts } from '../../../testing/src/contracts/entries.ts';
import { writeEnvelope } from '../../src/bus/envelope.ts';
import { ephemeralMessage, loggedMessage, type Message } from '../../src/bus/message.ts';

export { finalEntry, freshMeeting, statusEntry, ts } from '../../../testing/src/contracts/entries.ts';

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
