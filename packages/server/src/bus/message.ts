/** An event encoded once: what every viewer of a meeting is handed. */
import { type EphemeralEvent, encode, type LoggedEvent, type Source } from '@meetcast/protocol';
import { Sender } from 'ws';
import type { Logged } from '../store/store.ts';

export interface Message {
  /** The log the event belongs to; empty on an ephemeral event. */
  readonly epoch: string;
  /** Its place in the log; 0 for an ephemeral event. */
  readonly seq: number;
  readonly type: (LoggedEvent | EphemeralEvent)['type'];
  readonly source: Source | undefined;
  /** The segment of a partial or final; 0 otherwise. */
  readonly segmentNo: number;
  /** The JSON text on the wire. */
  readonly text: string;
  /** The same text as a WebSocket frame. */
  readonly frame: Buffer;
}

/** What is known of a message without reading its text. */
export type MessageHead = Omit<Message, 'text' | 'frame'>;

export const loggedMessage = ({ epoch, event }: Logged): Message =>
  messageOf(headOf(event, epoch), encode(event));

export const ephemeralMessage = (event: EphemeralEvent): Message =>
  messageOf(headOf(event, ''), encode(event));

export const headOf = (event: LoggedEvent | EphemeralEvent, epoch: string): MessageHead => ({
  epoch,
  seq: 'seq' in event && event.seq !== undefined ? event.seq : 0,
  type: event.type,
  source: 'source' in event ? event.source : event.meta?.source,
  segmentNo: 'segment_no' in event && event.segment_no !== undefined ? event.segment_no : 0,
});

/** The frame is made when the first viewer is to have it. */
export function messageOf({ epoch, seq, type, source, segmentNo }: MessageHead, text: string): Message {
  let frame: Buffer | undefined;
  return {
    epoch,
    seq,
    type,
    source,
    segmentNo,
    text,
    get frame() {
      frame ??= textFrame(text);
      return frame;
    },
  };
}

const frameOptions = { fin: true, opcode: 1, mask: false, readOnly: true, rsv1: false };

/** A whole, unmasked, uncompressed text frame. */
export const textFrame = (text: string): Buffer =>
  Buffer.concat(Sender.frame(Buffer.from(text), frameOptions));
