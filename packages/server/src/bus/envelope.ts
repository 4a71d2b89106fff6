/**
 * What a message travels in between nodes: a line that says what it is, then the JSON text that viewers get.
 *
 * ```text
 *  meetcast/1 <node> <epoch> <seq> <type> <source> <segment_no>⏎{"type":…}
 * ```
 * Absent words are `-`.
 */
import { isUtf8 } from 'node:buffer';
import { decodeSubscriberDownstream, type Source } from '@meetcast/protocol';
import { headOf, type Message, type MessageHead, messageOf } from './message.ts';

export interface Envelope {
  /** Who sent it. */
  readonly node: string;
  readonly message: Message;
}

/** `node` has no white space. */
export function writeEnvelope(node: string, message: Message): Uint8Array {
  const { epoch, seq, type, source, segmentNo, text } = message;
  return Buffer.from(
    `${greeting} ${node} ${wordOf(epoch)} ${seq} ${type} ${source ?? '-'} ${segmentNo}\n${text}`,
  );
}

/**
 * Undefined for anything that no node sent: everybody may publish on a channel. Of what a newer node sends only the line
 * is known; viewers skip what they do not know.
 */
export function readEnvelope(bytes: Uint8Array): Envelope | undefined {
  const buffer = bufferOf(bytes);
  const { end, words } = lineOf(buffer);
  const epoch = words && textOf(words.epoch);
  const json = buffer.subarray(end + 1);
  if (!words || epoch === undefined || !isUtf8(json)) return undefined;
  const { node, seq, type, source, segmentNo } = words;
  const head: MessageHead = {
    epoch,
    seq: Number(seq),
    type: type as MessageHead['type'],
    source: source === '-' ? undefined : (source as Source),
    segmentNo: Number(segmentNo),
  };
  const text = json.toString();
  return isValid(head, text) ? { node, message: messageOf(head, text) } : undefined;
}

/** Whether a node with this name sent it. */
export function isFrom(node: string, bytes: Uint8Array): boolean {
  const start = `${greeting} ${node} `;
  return bufferOf(bytes).toString('latin1', 0, start.length) === start;
}

/** What kind of message it is, as its line says. */
export const typeIn = (bytes: Uint8Array): string | undefined => lineOf(bufferOf(bytes)).words?.type;

/** The text is what the line says of it, and what a viewer may be shown. */
function isValid(head: MessageHead, text: string): boolean {
  const decoded = decodeSubscriberDownstream(text);
  if (!decoded.ok) return decoded.type === head.type && !knownTypes.has(head.type);
  const { message } = decoded;
  // These are said to one viewer about its own connection.
  if (message.type === 'connected' || message.type === 'error') return false;
  if (message.type === 'auth_ok' || message.type === 'pong') return false;
  const said = headOf(message, head.epoch);
  return (
    said.type === head.type &&
    said.seq === head.seq &&
    said.source === head.source &&
    said.segmentNo === head.segmentNo &&
    head.seq > 0 === (head.epoch !== '')
  );
}

const greeting = 'meetcast/1';

/** Every type that a viewer of this version knows. */
const knownTypes: ReadonlySet<string> = new Set([
  'transcript.partial',
  'transcript.final',
  'status',
  'ai.tip',
  'summary',
  'gap',
  'retract',
  'audio.level',
  'connected',
  'error',
  'auth_ok',
  'pong',
]);

const longestLine = 1_024;

const line = /^meetcast\/1 ([\w-]{1,64}) ([^ ]{1,512}) (\d{1,15}) ([a-z._]{1,64}) (mic|system|-) (\d{1,15})$/;

function lineOf(bytes: Buffer) {
  const end = bytes.subarray(0, longestLine).indexOf(0x0a);
  const found = line.exec(bytes.toString('latin1', 0, Math.max(0, end)));
  if (!found) return { end, words: undefined };
  const [, node = '', epoch = '', seq = '', type = '', source = '', segmentNo = ''] = found;
  return { end, words: { node, epoch, seq, type, source, segmentNo } };
}

/** The same bytes, not a copy. */
export const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const wordOf = (text: string): string => (text === '' ? '-' : encodeURIComponent(text).replace(/^-$/, '%2D'));

function textOf(word: string): string | undefined {
  if (word === '-') return '';
  try {
    return decodeURIComponent(word);
  } catch {
    return undefined;
  }
}
