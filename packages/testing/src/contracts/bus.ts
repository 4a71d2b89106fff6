/** The contract of every Bus. A new adapter's test file is one call. */
import type { Bus, MeetingRef, Message } from '@meetcast/server';
import { expect, vi } from 'vitest';
import { finalMessage, partialMessage, statusMessage } from './bus-messages.ts';
import { freshMeeting } from './entries.ts';
import { type Contract, eventually, follow } from './follow.ts';

/** Two nodes on one bus; a bus for a single node is given twice. `close` ends what `open` opened besides them. */
export interface BusNodes {
  readonly nodes: readonly [Bus, Bus];
  close?(): Promise<void>;
}

/** The buses are closed after each test. */
export function busContract(name: string, open: () => Promise<BusNodes> | BusNodes): void {
  follow(name, contract, async () => {
    const opened = await open();
    // Until a node has met the others it is alone.
    for (const { remote } of opened.nodes) await vi.waitFor(() => remote?.ping(), { timeout: 60_000 });
    const close = async () => {
      await Promise.all([...new Set(opened.nodes)].map((node) => node.close()));
      await opened.close?.();
    };
    return { stage: stageOf(opened), close };
  });
}

function stageOf({ nodes: [near, far] }: BusNodes) {
  const meeting = freshMeeting();

  /** Everything heard on a node, as texts. */
  async function listen(node: Bus, of: MeetingRef = meeting) {
    const heard: Message[] = [];
    const stop = await node.subscribe(of, (message) => heard.push(message));
    return { heard, texts: () => heard.map(({ text }) => text), stop };
  }

  /** Resolves when all that was published before has arrived: the last of its kind tells. */
  async function settle(node: Bus, of: MeetingRef = meeting): Promise<void> {
    const marks = await Promise.all([near, far].map((each) => listen(each, of)));
    const mark = statusMessage(999_999);
    await node.publish(of, mark);
    for (const { texts } of marks) await eventually(texts).toContain(mark.text);
    for (const { stop } of marks) await stop();
  }

  return { near, far, meeting, listen, settle };
}

const contract: Contract<ReturnType<typeof stageOf>> = {
  '[BUS1] what one node publishes arrives on every node, the publisher included': async ({
    near,
    far,
    meeting,
    listen,
  }) => {
    const [here, there] = await Promise.all([listen(near), listen(far)]);
    const message = finalMessage(1);
    await near.publish(meeting, message);
    await eventually(here.texts).toEqual([message.text]);
    await eventually(there.texts).toEqual([message.text]);
  },

  '[BUS2] a message arrives whole: place, kind, source, segment, text and frame': async ({
    near,
    far,
    meeting,
    listen,
  }) => {
    const { heard } = await listen(far);
    const sent = [
      finalMessage(4, 9, 'system', 'epoch-x'),
      partialMessage(10, 'ışık 😀 日本'),
      statusMessage(5),
    ];
    for (const message of sent) await near.publish(meeting, message);
    await eventually(() => heard.length).toBe(3);
    for (const [index, message] of sent.entries()) {
      const { epoch, seq, type, source, segmentNo, text, frame } = message;
      const there = heard[index];
      expect({ ...there, frame: undefined }).toMatchObject({ epoch, seq, type, segmentNo, text });
      expect(there?.source).toBe(source);
      expect(there?.frame.equals(frame)).toBe(true);
    }
  },

  '[BUS3] once subscribe resolves messages arrive': async ({ near, far, meeting, listen }) => {
    for (let round = 0; round < 10; round += 1) {
      const { texts, stop } = await listen(far);
      const message = finalMessage(round + 1);
      await near.publish(meeting, message);
      await eventually(texts).toEqual([message.text]);
      await stop();
    }
  },

  '[BUS4] after unsubscribing nothing more arrives, and others go on hearing': async ({
    near,
    far,
    meeting,
    listen,
    settle,
  }) => {
    const [leaver, stayer] = await Promise.all([listen(far), listen(far)]);
    await near.publish(meeting, finalMessage(1));
    await eventually(() => [leaver.heard.length, stayer.heard.length]).toEqual([1, 1]);
    await leaver.stop();
    await near.publish(meeting, finalMessage(2));
    await eventually(() => stayer.heard.length).toBe(2);
    await settle(near);
    expect(leaver.heard).toHaveLength(1);
  },

  '[BUS5] unsubscribing twice is the same as once': async ({ near, far, meeting, listen }) => {
    const [leaver, stayer] = await Promise.all([listen(far), listen(far)]);
    await leaver.stop();
    await leaver.stop();
    await near.publish(meeting, finalMessage(1));
    await eventually(() => stayer.heard.length).toBe(1);
  },

  '[BUS6] the same function may subscribe twice, and ends one subscription at a time': async ({
    near,
    far,
    meeting,
  }) => {
    const heard: string[] = [];
    const listener = ({ text }: Message) => void heard.push(text);
    const [stopFirst] = [await far.subscribe(meeting, listener), await far.subscribe(meeting, listener)];
    await near.publish(meeting, finalMessage(1));
    await eventually(() => heard.length).toBe(2);
    await stopFirst?.();
    await near.publish(meeting, finalMessage(2));
    await eventually(() => heard.length).toBe(3);
  },

  '[BUS7] a listener that throws disturbs neither the publisher nor other listeners': async ({
    near,
    far,
    meeting,
    listen,
  }) => {
    await far.subscribe(meeting, () => {
      throw new Error('a broken listener');
    });
    const { heard } = await listen(far);
    for (const seq of [1, 2, 3])
      await expect(near.publish(meeting, finalMessage(seq))).resolves.toBeUndefined();
    await eventually(() => heard.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  },

  '[BUS8] meetings are apart, and so are tenants with a meeting of the same id': async ({
    near,
    far,
    meeting,
    listen,
    settle,
  }) => {
    const others = [freshMeeting(), { ...meeting, tenant: 'globex' }];
    const heard = await Promise.all(others.map((other) => listen(far, other)));
    const own = await listen(far);
    await near.publish(meeting, finalMessage(1));
    await eventually(() => own.heard.length).toBe(1);
    for (const other of others) await settle(near, other);
    for (const { texts } of heard) expect(texts()).not.toContain(finalMessage(1).text);
  },

  '[BUS9] publishing to a meeting without listeners is fine': async ({ near, meeting }) => {
    await expect(near.publish(meeting, finalMessage(1))).resolves.toBeUndefined();
  },

  '[BUS10] a meeting can be left and joined again': async ({ near, far, meeting, listen }) => {
    for (let round = 1; round <= 3; round += 1) {
      const first = await listen(far);
      const second = await listen(far);
      await first.stop();
      await near.publish(meeting, finalMessage(round));
      await eventually(() => second.heard.map(({ seq }) => seq)).toEqual([round]);
      await second.stop();
    }
  },
};
