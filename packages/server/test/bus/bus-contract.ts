/** Every Bus passes this. A new adapter's test file is one call. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Bus } from '../../src/bus/bus.ts';
import { readEnvelope } from '../../src/bus/envelope.ts';
import type { Message } from '../../src/bus/message.ts';
import type { MeetingRef } from '../../src/lib/meeting.ts';
import { envelopeOf, finalMessage, freshMeeting, partialMessage, statusMessage } from '../support/entries.ts';

/** Two nodes on one bus; a bus for a single node is given twice. `close` ends what `open` opened besides them. */
export interface BusNodes {
  readonly nodes: readonly [Bus, Bus];
  close?(): Promise<void>;
}

export function busContract(open: () => Promise<BusNodes>): void {
  let opened: BusNodes;
  let near: Bus;
  let far: Bus;
  let meeting: MeetingRef;

  beforeEach(async () => {
    opened = await open();
    [near, far] = opened.nodes;
    // Until a node has met the others it is alone.
    for (const { remote } of opened.nodes) await vi.waitFor(() => remote?.ping(), { timeout: 60_000 });
    meeting = freshMeeting();
  });
  afterEach(async () => {
    await Promise.all([...new Set(opened.nodes)].map((node) => node.close()));
    await opened.close?.();
  });

  /** Everything heard on a node. */
  async function listen(node: Bus, of: MeetingRef = meeting) {
    const heard: Message[] = [];
    const stop = await node.subscribe(of, (bytes) => heard.push(messageIn(bytes)));
    return { heard, texts: () => heard.map(({ text }) => text), stop };
  }

  const publish = (node: Bus, message: Message, of: MeetingRef = meeting) =>
    node.publish(of, envelopeOf(message));

  /** Resolves when all that was published before has arrived: the last of its kind tells. */
  async function settle(of: MeetingRef = meeting): Promise<void> {
    const { texts, stop } = await listen(far, of);
    const mark = statusMessage(999_999);
    await publish(near, mark, of);
    await expect.poll(texts).toContain(mark.text);
    await stop();
  }

  test('[BUS1] what one node publishes arrives on the other, whichever of them it is', async () => {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const there = await listen(to);
      const message = finalMessage(1);
      await publish(from, message);
      await expect.poll(there.texts).toEqual([message.text]);
      await there.stop();
    }
  });

  test('[BUS2] a message arrives whole: place, kind, source, segment, text and frame', async () => {
    const { heard } = await listen(far);
    const sent = [
      finalMessage(4, 9, 'system', 'epoch-x'),
      partialMessage(10, 'ışık 😀 日本'),
      statusMessage(5),
      partialMessage(11, 'x'.repeat(70_000)),
    ];
    for (const message of sent) await publish(near, message);
    await expect.poll(() => heard.length).toBe(4);
    for (const [index, message] of sent.entries()) {
      const { epoch, seq, type, source, segmentNo, text, frame } = message;
      const there = heard[index];
      expect({ ...there, frame: undefined }).toMatchObject({ epoch, seq, type, segmentNo, text });
      expect(there?.source).toBe(source);
      expect(there?.frame.equals(frame)).toBe(true);
    }
  });

  test('any bytes arrive as they were published, each message by itself', async () => {
    const heard: Buffer[] = [];
    await far.subscribe(meeting, (bytes) => heard.push(Buffer.from(bytes)));
    const larger = Buffer.from('--the middle of a larger buffer--');
    const sent = [
      Uint8Array.from({ length: 256 }, (_, byte) => byte),
      larger.subarray(2, -2),
      new Uint8Array(300_000).fill(0xff),
      Uint8Array.of(0),
    ];
    for (const bytes of sent) await near.publish(meeting, bytes);
    await expect.poll(() => heard.length).toBe(sent.length);
    expect(heard.map((bytes, index) => bytes.equals(sent[index] ?? larger))).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  test('[BUS3] once subscribe resolves messages arrive', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { texts, stop } = await listen(far);
      const message = finalMessage(round + 1);
      await publish(near, message);
      await expect.poll(texts).toEqual([message.text]);
      await stop();
    }
  });

  test('[BUS4] after unsubscribing nothing more arrives, and others go on hearing', async () => {
    const [leaver, stayer] = await Promise.all([listen(far), listen(far)]);
    await publish(near, finalMessage(1));
    await expect.poll(() => [leaver.heard.length, stayer.heard.length]).toEqual([1, 1]);
    await leaver.stop();
    await publish(near, finalMessage(2));
    await expect.poll(() => stayer.heard.length).toBe(2);
    await settle();
    expect(leaver.heard).toHaveLength(1);
  });

  test('[BUS5] unsubscribing twice is the same as once', async () => {
    const [leaver, stayer] = await Promise.all([listen(far), listen(far)]);
    await leaver.stop();
    await leaver.stop();
    await publish(near, finalMessage(1));
    await expect.poll(() => stayer.heard.length).toBe(1);
  });

  test('[BUS6] the same function may subscribe twice, and ends one subscription at a time', async () => {
    const heard: string[] = [];
    const listener = (bytes: Uint8Array) => void heard.push(messageIn(bytes).text);
    const [stopFirst] = [await far.subscribe(meeting, listener), await far.subscribe(meeting, listener)];
    await publish(near, finalMessage(1));
    await expect.poll(() => heard.length).toBe(2);
    await stopFirst?.();
    await publish(near, finalMessage(2));
    await expect.poll(() => heard.length).toBe(3);
  });

  test('[BUS7] a listener that throws disturbs neither the publisher nor other listeners', async () => {
    await far.subscribe(meeting, () => {
      throw new Error('a broken listener');
    });
    const { heard } = await listen(far);
    for (const seq of [1, 2, 3]) await expect(publish(near, finalMessage(seq))).resolves.toBeUndefined();
    await expect.poll(() => heard.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  test('[BUS8] meetings are apart, and so are tenants with a meeting of the same id', async () => {
    const others = [freshMeeting(), { ...meeting, tenant: 'globex' }];
    const heard = await Promise.all(others.map((other) => listen(far, other)));
    const own = await listen(far);
    await publish(near, finalMessage(1));
    await expect.poll(() => own.heard.length).toBe(1);
    for (const other of others) await settle(other);
    for (const { texts } of heard) expect(texts()).not.toContain(finalMessage(1).text);
  });

  test('[BUS9] publishing to a meeting without listeners is fine', async () => {
    await expect(publish(near, finalMessage(1))).resolves.toBeUndefined();
  });

  test('[BUS10] a meeting can be left and joined again', async () => {
    for (let round = 1; round <= 3; round += 1) {
      const first = await listen(far);
      const second = await listen(far);
      await first.stop();
      await publish(near, finalMessage(round));
      await expect.poll(() => second.heard.map(({ seq }) => seq)).toEqual([round]);
      await second.stop();
    }
  });
}

function messageIn(bytes: Uint8Array): Message {
  const envelope = readEnvelope(bytes);
  if (!envelope) throw new Error('the bus has changed what was published');
  return envelope.message;
}
