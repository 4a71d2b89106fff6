/** An event encoded once: what the bus carries and every viewer of a meeting is handed. */
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

export const loggedMessage = ({ epoch, event }: Logged): Message => prepare(event, epoch, event.seq);

export const ephemeralMessage = (event: EphemeralEvent): Message => prepare(event, '', 0);

/** What is known of a message without reading its text. */
export type MessageHead = Omit<Message, 'text' | 'frame'>;

/** A message that another node encoded. The frame is its only copy: `json` may be a part of a larger buffer. */
export function receivedMessage(head: MessageHead, json: Buffer): Message {
  const frame = Buffer.concat(Sender.frame(json, frameOptions));
  const textAt = frame.length - json.length;
  let text: string | undefined;
  return {
    ...head,
    frame,
    get text() {
      text ??= frame.toString('utf8', textAt);
      return text;
    },
  };
}

function prepare(event: LoggedEvent | EphemeralEvent, epoch: string, seq: number): Message {
  const text = encode(event);
  let frame: Buffer | undefined;
  return {
    epoch,
    seq,
    type: event.type,
    source: 'source' in event ? event.source : event.meta?.source,
    segmentNo: 'segment_no' in event && event.segment_no !== undefined ? event.segment_no : 0,
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
