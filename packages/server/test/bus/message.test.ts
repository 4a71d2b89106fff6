import { expect, test } from 'vitest';
import { Receiver } from 'ws';
import { loggedMessage, textFrame } from '../../src/bus/message.ts';
import { finalEvent, finalMessage, partialMessage, statusMessage } from '../support/entries.ts';

/** What a WebSocket client reads from these bytes. */
async function received(bytes: Buffer): Promise<string[]> {
  const receiver = new Receiver({ isServer: false });
  const texts: string[] = [];
  receiver.on('message', (data: Buffer, isBinary: boolean) =>
    texts.push(isBinary ? 'binary' : data.toString()),
  );
  const read = new Promise<void>((resolve, reject) => {
    receiver.on('error', reject);
    receiver.on('finish', resolve);
  });
  receiver.end(bytes);
  await read;
  return texts;
}

const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 100_000];

test('a frame of any length is read back as the same text', async () => {
  for (const length of lengths) {
    const text = 'x'.repeat(length);
    expect(await received(textFrame(text))).toEqual([text]);
  }
});

test('a frame is whole, unmasked, uncompressed and no longer than it must be', () => {
  const headers = new Map([
    [0, 2],
    [125, 2],
    [126, 4],
    [65_535, 4],
    [65_536, 10],
  ]);
  for (const [length, header] of headers) {
    const frame = textFrame('x'.repeat(length));
    expect(frame.length).toBe(header + length);
    expect(frame[0]).toBe(0x81);
    expect((frame[1] ?? 0) & 0x80).toBe(0);
  }
});

test('frames are counted in bytes of UTF-8, at every boundary', async () => {
  for (const text of [
    'ışık 日本 😀',
    'ı'.repeat(62),
    'ı'.repeat(63),
    '😀'.repeat(16_384),
    `${'日'.repeat(21_845)}`,
  ]) {
    const frame = textFrame(text);
    expect(frame.subarray(-Buffer.byteLength(text)).toString()).toBe(text);
    expect(await received(frame)).toEqual([text]);
  }
});

test('frames put behind each other are read one by one', async () => {
  const texts = lengths.map((length) => 'y'.repeat(length));
  expect(await received(Buffer.concat(texts.map(textFrame)))).toEqual(texts);
});

test('a message knows its place, source and segment, and its text is the event', async () => {
  const event = finalEvent(7, 3, { meta: { source: 'system' } });
  const message = loggedMessage({ epoch: 'e', event });
  expect(message).toMatchObject({
    epoch: 'e',
    seq: 7,
    type: 'transcript.final',
    source: 'system',
    segmentNo: 3,
  });
  expect(JSON.parse(message.text)).toEqual(event);
  expect(await received(message.frame)).toEqual([message.text]);
});

test('what is not logged has seq 0 and no epoch; what has no segment or source says so', () => {
  expect(partialMessage(4, 'so')).toMatchObject({ epoch: '', seq: 0, segmentNo: 4, source: 'mic' });
  expect(statusMessage(2)).toMatchObject({ seq: 2, segmentNo: 0, source: undefined });
});

test('the source of a gap is its own field', () => {
  const gap = {
    type: 'gap' as const,
    meeting_id: 'm',
    ts: finalEvent(1).ts,
    start_ms: 0,
    end_ms: 1,
    cause: 'x',
  };
  expect(loggedMessage({ epoch: 'e', event: { ...gap, seq: 1, source: 'system' } }).source).toBe('system');
});

test('the frame is made once, however many viewers ask for it', () => {
  const message = finalMessage(1);
  expect(message.frame).toBe(message.frame);
});
