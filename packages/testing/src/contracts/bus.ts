/** The contract of every Bus. A new adapter's test file is one call. */
import type { Bus, MeetingRef } from '@meetcast/server';
import { expect, vi } from 'vitest';
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
    const heard: string[] = [];
    const stop = await node.subscribe(of, (bytes) => void heard.push(textOf(bytes)));
    return { heard, texts: () => heard, stop };
  }

  const publish = (node: Bus, text: string, of: MeetingRef = meeting) => node.publish(of, Buffer.from(text));

  /** Resolves when all that was published before has arrived on the far node: the last tells. */
  async function settle(of: MeetingRef = meeting): Promise<void> {
    const { texts, stop } = await listen(far, of);
    await publish(near, 'the last', of);
    await eventually(texts).toContain('the last');
    await stop();
  }

  return { near, far, meeting, listen, publish, settle };
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

const contract: Contract<ReturnType<typeof stageOf>> = {
  '[BUS1] what one node publishes arrives on the other, whichever of them it is': async ({
    near,
    far,
    listen,
    publish,
  }) => {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const there = await listen(to);
      await publish(from, 'hello');
      await eventually(there.texts).toEqual(['hello']);
      await there.stop();
    }
  },

  '[BUS2] any bytes arrive as they were published, each message by itself': async ({
    near,
    far,
    meeting,
  }) => {
    const heard: Buffer[] = [];
    await far.subscribe(meeting, (bytes) => void heard.push(Buffer.from(bytes)));
    const larger = Buffer.from('--the middle of a larger buffer--');
    const sent = [
      Uint8Array.from({ length: 256 }, (_, byte) => byte),
      larger.subarray(2, -2),
      new Uint8Array(300_000).fill(0xff),
      Uint8Array.of(0),
    ];
    for (const bytes of sent) await near.publish(meeting, bytes);
    await eventually(() => heard.length).toBe(sent.length);
    expect(heard.map((bytes, index) => bytes.equals(sent[index] ?? larger))).toEqual(sent.map(() => true));
  },

  '[BUS3] once subscribe resolves messages arrive': async ({ near, far, listen, publish }) => {
    for (let round = 0; round < 10; round += 1) {
      const { texts, stop } = await listen(far);
      await publish(near, `${round}`);
      await eventually(texts).toEqual([`${round}`]);
      await stop();
    }
  },

  '[BUS4] after unsubscribing nothing more arrives, and others go on hearing': async ({
    near,
    far,
    listen,
    publish,
    settle,
  }) => {
    const [leaver, stayer] = await Promise.all([listen(far), listen(far)]);
    await publish(near, 'one');
    await eventually(() => [leaver.heard.length, stayer.heard.length]).toEqual([1, 1]);
    await leaver.stop();
    await publish(near, 'two');
    await eventually(() => stayer.heard.length).toBe(2);
    await settle();
    expect(leaver.heard).toHaveLength(1);
  },

  '[BUS5] unsubscribing twice is the same as once': async ({ near, far, listen, publish }) => {
    const [leaver, stayer] = await Promise.all([listen(far), listen(far)]);
    await leaver.stop();
    await leaver.stop();
    await publish(near, 'one');
    await eventually(() => stayer.heard.length).toBe(1);
  },

  '[BUS6] the same function may subscribe twice, and ends one subscription at a time': async ({
    near,
    far,
    meeting,
    publish,
  }) => {
    const heard: string[] = [];
    const listener = (bytes: Uint8Array) => void heard.push(textOf(bytes));
    const [stopFirst] = [await far.subscribe(meeting, listener), await far.subscribe(meeting, listener)];
    await publish(near, 'one');
    await eventually(() => heard.length).toBe(2);
    await stopFirst?.();
    await publish(near, 'two');
    await eventually(() => heard.length).toBe(3);
  },

  '[BUS7] a listener that throws disturbs neither the publisher nor other listeners': async ({
    near,
    far,
    meeting,
    listen,
    publish,
  }) => {
    await far.subscribe(meeting, () => {
      throw new Error('a broken listener');
    });
    const { texts } = await listen(far);
    for (const text of ['1', '2', '3']) await expect(publish(near, text)).resolves.toBeUndefined();
    await eventually(texts).toEqual(['1', '2', '3']);
  },

  '[BUS8] meetings are apart, and so are tenants with a meeting of the same id': async ({
    near,
    far,
    meeting,
    listen,
    publish,
    settle,
  }) => {
    const others = [freshMeeting(), { ...meeting, tenant: 'globex' }];
    const heard = await Promise.all(others.map((other) => listen(far, other)));
    const own = await listen(far);
    await publish(near, 'mine');
    await eventually(() => own.heard.length).toBe(1);
    for (const other of others) await settle(other);
    for (const { texts } of heard) expect(texts()).not.toContain('mine');
  },

  '[BUS9] publishing to a meeting without listeners is fine': async ({ near, publish }) => {
    await expect(publish(near, 'one')).resolves.toBeUndefined();
  },

  '[BUS10] a meeting can be left and joined again': async ({ near, far, listen, publish }) => {
    for (const round of ['1', '2', '3']) {
      const first = await listen(far);
      const second = await listen(far);
      await first.stop();
      await publish(near, round);
      await eventually(second.texts).toEqual([round]);
      await second.stop();
    }
  },
};
