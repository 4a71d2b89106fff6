/**
 * What a message travels in between nodes: a line that says what it is, then the JSON text that viewers get. Only the line
 * is read on arrival.
 *
 * ```text
 *  meetcast/1 <node> <epoch> <seq> <type> <source> <segment_no>⏎{"type":…}
 * ```
 * Absent words are `-`.
 */
import { isUtf8 } from 'node:buffer';
import type { Source } from '@meetcast/protocol';
import { type Message, receivedMessage } from './message.ts';

export interface Envelope {
  /** Who sent it. */
  readonly node: string;
  readonly message: Message;
}

/** `node` has no white space. */
export function writeEnvelope(node: string, message: Message): string {
  const { epoch, seq, type, source, segmentNo, text } = message;
  return `meetcast/1 ${node} ${wordOf(epoch)} ${seq} ${type} ${source ?? '-'} ${segmentNo}\n${text}`;
}

/** Undefined for anything that no node sent: everybody may publish on a channel. */
export function readEnvelope(bytes: Buffer): Envelope | undefined {
  const end = bytes.subarray(0, longestLine).indexOf('\n');
  const words = line.exec(bytes.toString('latin1', 0, Math.max(0, end)))?.groups;
  const json = bytes.subarray(end + 1);
  if (!words || !isObject(json)) return undefined;
  const { node = '', epoch = '', seq, type, source, segmentNo } = words;
  const head = {
    epoch: textOf(epoch),
    seq: Number(seq),
    // A newer node may know more types than this one; viewers skip what they do not know.
    type: type as Message['type'],
    source: source === '-' ? undefined : (source as Source),
    segmentNo: Number(segmentNo),
  };
  return head.epoch === undefined
    ? undefined
    : { node, message: receivedMessage({ ...head, epoch: head.epoch }, json) };
}

const longestLine = 1_024;

const line =
  /^meetcast\/1 (?<node>[\w-]{1,64}) (?<epoch>[^ ]{1,512}) (?<seq>\d{1,15}) (?<type>[a-z._]{1,64}) (?<source>mic|system|-) (?<segmentNo>\d{1,15})$/;

/** A browser closes a socket that brings it bytes which are not UTF-8, so that much is made sure of. */
const isObject = (json: Buffer): boolean => json[0] === 0x7b && json.at(-1) === 0x7d && isUtf8(json);

const wordOf = (text: string): string => (text === '' ? '-' : encodeURIComponent(text).replace(/^-$/, '%2D'));

function textOf(word: string): string | undefined {
  if (word === '-') return '';
  try {
    return decodeURIComponent(word);
  } catch {
    return undefined;
  }
}
