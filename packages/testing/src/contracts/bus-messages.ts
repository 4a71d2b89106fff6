/** Messages as a hub puts them on its bus. */
import type { EphemeralEvent, LoggedEvent, Source } from '@meetcast/protocol';
import type { Message } from '@meetcast/server';
import { Sender } from 'ws';
import { finalEntry, statusEntry, ts } from './entries.ts';

export const finalMessage = (seq: number, segmentNo = seq, source: Source = 'mic', epoch = 'e1'): Message =>
  message({ ...finalEntry(segmentNo, { meta: { source } }), seq }, { epoch, seq, source, segmentNo });

export const statusMessage = (seq: number, epoch = 'e1'): Message =>
  message({ ...statusEntry('live'), seq } as LoggedEvent, { epoch, seq, source: undefined, segmentNo: 0 });

export const partialMessage = (segmentNo: number, text: string, source: Source = 'mic'): Message => {
  const said = { meeting_id: 'm', ts, segment_no: segmentNo, start_ms: 0, end_ms: 900, text };
  const event = { type: 'transcript.partial' as const, ...said, meta: { source } };
  return message(event, { epoch: '', seq: 0, source, segmentNo });
};

function message(
  event: EphemeralEvent | LoggedEvent,
  head: Pick<Message, 'epoch' | 'seq' | 'source' | 'segmentNo'>,
): Message {
  const text = JSON.stringify(event);
  const framing = { fin: true, opcode: 1, mask: false, readOnly: true, rsv1: false };
  return { ...head, type: event.type, text, frame: Buffer.concat(Sender.frame(Buffer.from(text), framing)) };
}
