import { expect, test } from 'vitest';
import { readEnvelope, writeEnvelope } from '../../src/bus/envelope.ts';
import type { Message } from '../../src/bus/message.ts';
import { finalMessage, partialMessage, statusMessage } from '../support/entries.ts';

const sent = (message: Message, node = 'node-A_1') => Buffer.from(writeEnvelope(node, message));

/** What a valid message becomes when one of its words is replaced. */
const replaced = (from: string | RegExp, to: string) =>
  Buffer.from(
    sent(finalMessage(4, 9, 'mic', 'e1'))
      .toString()
      .replace(from, to),
  );

const messages: [string, Message][] = [
  ['final', finalMessage(4, 9, 'system', 'epoch-x')],
  ['partial', partialMessage(10, 'ışık 😀 日本\u2028"\\')],
  ['status', statusMessage(5)],
  ['long text', partialMessage(1, 'x'.repeat(70_000))],
  ['epoch of other characters', finalMessage(1, 1, 'mic', 'a b/é%\n')],
  ['epoch that looks absent', finalMessage(1, 1, 'mic', '-')],
];

test.each(messages)('a message arrives as it was sent: %s', (_, message) => {
  const envelope = readEnvelope(sent(message));
  const { epoch, seq, type, source, segmentNo, text } = message;
  expect(envelope?.node).toBe('node-A_1');
  expect(envelope?.message).toMatchObject({ epoch, seq, type, segmentNo, text });
  expect(envelope?.message.source).toBe(source);
  expect(envelope?.message.frame.equals(message.frame)).toBe(true);
});

test('what follows the first line is the JSON text itself', () => {
  const message = finalMessage(4, 9, 'mic', 'e1');
  const [line, ...rest] = sent(message).toString().split('\n');
  expect(line).toBe('meetcast/1 node-A_1 e1 4 transcript.final mic 9');
  expect(rest).toEqual([message.text]);
});

test('a frame holds nothing of the buffer it came in', () => {
  const bytes = Buffer.concat([Buffer.alloc(60_000), sent(finalMessage(4))]).subarray(60_000);
  const frame = readEnvelope(bytes)?.message.frame ?? Buffer.alloc(0);
  bytes.fill(0);
  expect(frame.includes('transcript.final')).toBe(true);
});

test('a type that a newer node has added passes', () => {
  const envelope = readEnvelope(replaced('transcript.final', 'transcript.translation'));
  expect(envelope?.message.type).toBe('transcript.translation');
});

const hostile: [string, Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['a word', Buffer.from('hello')],
  ['JSON alone', Buffer.from('{"type":"transcript.final"}')],
  ['a line alone', Buffer.from('meetcast/1 n e1 4 transcript.final mic 9')],
  ['a line and nothing', Buffer.from('meetcast/1 n e1 4 transcript.final mic 9\n')],
  ['a newer version', replaced('meetcast/1', 'meetcast/2')],
  ['another program', replaced('meetcast/1', 'socket.io/1')],
  ['no node', replaced('node-A_1', '')],
  ['a negative seq', replaced(' 4 ', ' -4 ')],
  ['a seq that is no number', replaced(' 4 ', ' 4e3 ')],
  ['a seq beyond numbers', replaced(' 4 ', ` ${'9'.repeat(20)} `)],
  ['a source that is none', replaced(' mic ', ' tape ')],
  ['an epoch that cannot be read', replaced(' e1 ', ' %E0%A4%A ')],
  ['a type with capitals', replaced('transcript.final', 'Final')],
  ['a word too many', replaced(' mic ', ' mic mic ')],
  ['a carriage return', replaced('\n', '\r\n')],
  ['a line without end', Buffer.alloc(5_000_000, 'meetcast/1 ')],
  ['text that is no object', Buffer.from('meetcast/1 n e1 4 transcript.final mic 9\n[1]')],
  [
    'bytes that are not UTF-8',
    Buffer.concat([sent(finalMessage(1)).subarray(0, -1), Buffer.from([0xff, 0x7d])]),
  ],
  ['a cut text', sent(finalMessage(1)).subarray(0, -2)],
  ['zeros', Buffer.alloc(2_000)],
];

test.each(hostile)('what no node has sent is ignored: %s', (_, bytes) => {
  expect(readEnvelope(bytes)).toBeUndefined();
});

test('bytes at random are ignored and never thrown at', () => {
  const valid = sent(finalMessage(4, 9, 'mic', 'e1'));
  for (let round = 0; round < 5_000; round += 1) {
    const bytes = Buffer.from(valid);
    bytes[(round * 7_919) % bytes.length] = (round * 104_729) % 256;
    expect(() => readEnvelope(bytes)).not.toThrow();
  }
});
