import { expect, test } from 'vitest';
import type { Bus } from '../../src/bus/bus.ts';
import { memoryBus } from '../../src/bus/memory.ts';
import type { Message } from '../../src/bus/message.ts';
import type { MessageBus } from '../../src/bus/message-bus.ts';
import type { HubEvent } from '../../src/watch/observer.ts';
import { envelopeOf, finalMessage, freshMeeting, partialMessage } from '../support/entries.ts';
import { messageBus } from '../support/log.ts';

const meeting = freshMeeting();

async function heardOn(node: MessageBus) {
  const heard: Message[] = [];
  const stop = await node.subscribe(meeting, (message) => heard.push(message));
  return { heard, stop };
}

/** A memory bus that counts what crosses it. */
function countingBus() {
  const inner = memoryBus();
  const counts = { published: 0, subscriptions: 0 };
  const bus: Bus = {
    ...inner,
    publish(...args) {
      counts.published += 1;
      return inner.publish(...args);
    },
    async subscribe(...args) {
      const stop = await inner.subscribe(...args);
      counts.subscriptions += 1;
      return async () => {
        counts.subscriptions -= 1;
        await stop();
      };
    },
  };
  return { bus, counts };
}

test('whoever listens on the same node is handed the very message, at once and once', async () => {
  const node = messageBus(memoryBus());
  const { heard } = await heardOn(node);
  const message = finalMessage(1);
  node.publish(meeting, message);
  expect(heard).toHaveLength(1);
  expect(heard[0]).toBe(message);
});

test('without a bus a node hears itself', async () => {
  const node = messageBus();
  const { heard, stop } = await heardOn(node);
  node.publish(meeting, finalMessage(1));
  await stop();
  node.publish(meeting, finalMessage(2));
  expect(heard.map(({ seq }) => seq)).toEqual([1]);
});

test('another node is handed a message that says the same', async () => {
  const shared = memoryBus();
  const [near, far] = [messageBus(shared), messageBus(shared)];
  const { heard } = await heardOn(far);
  const sent = [finalMessage(4, 9, 'system', 'epoch-x'), partialMessage(10, 'ışık 😀 日本')];
  for (const message of sent) near.publish(meeting, message);
  expect(heard.map(({ text }) => text)).toEqual(sent.map(({ text }) => text));
  expect(heard.map(({ frame }) => frame)).toEqual(sent.map(({ frame }) => frame));
  expect(heard).toMatchObject([{ epoch: 'epoch-x', seq: 4, segmentNo: 9, source: 'system' }, { seq: 0 }]);
});

test('a node subscribes once to a meeting, however many listen, until the last one leaves', async () => {
  const { bus, counts } = countingBus();
  const [near, far] = [messageBus(bus), messageBus(bus)];
  const listeners = await Promise.all([heardOn(far), heardOn(far), heardOn(far)]);
  expect(counts.subscriptions).toBe(1);
  near.publish(meeting, finalMessage(1));
  expect(listeners.map(({ heard }) => heard.length)).toEqual([1, 1, 1]);
  for (const { stop } of listeners) await Promise.all([stop(), stop()]);
  expect(counts.subscriptions).toBe(0);
  const { heard } = await heardOn(far);
  near.publish(meeting, finalMessage(2));
  expect([counts.subscriptions, heard.length]).toEqual([1, 1]);
});

test('what nobody here listens to still goes to the other nodes', () => {
  const { bus, counts } = countingBus();
  messageBus(bus).publish(meeting, finalMessage(1));
  expect(counts.published).toBe(1);
});

test('what no hub has sent is dropped and observed, and what follows arrives', async () => {
  const shared = memoryBus();
  const observed: HubEvent[] = [];
  const node = messageBus(shared, (event) => observed.push(event));
  const { heard } = await heardOn(node);
  const garbage = [Buffer.from('hello'), new Uint8Array(0), envelopeOf(finalMessage(1)).subarray(0, -2)];
  for (const bytes of garbage) await shared.publish(meeting, bytes);
  await shared.publish(meeting, envelopeOf(finalMessage(2)));
  expect(heard.map(({ seq }) => seq)).toEqual([2]);
  expect(observed).toEqual(
    garbage.map(() => ({ type: 'error', stage: 'bus', meeting, error: expect.any(Error) })),
  );
});

test('a bus that fails, or throws, is observed; who listens here has heard all the same', async () => {
  const observed: HubEvent[] = [];
  const failures = [
    () => Promise.reject(new Error('the bus is down')),
    () => {
      throw new Error('the bus is broken');
    },
  ];
  for (const publish of failures) {
    const node = messageBus({ ...memoryBus(), publish }, (event) => observed.push(event));
    const { heard } = await heardOn(node);
    node.publish(meeting, finalMessage(1));
    expect(heard).toHaveLength(1);
  }
  await expect.poll(() => observed).toHaveLength(2);
  expect(observed).toMatchObject([
    { stage: 'bus', meeting },
    { stage: 'bus', meeting },
  ]);
});

test('a listener that throws is observed, and disturbs no other', async () => {
  const observed: HubEvent[] = [];
  const node = messageBus(memoryBus(), (event) => observed.push(event));
  const error = new Error('a broken listener');
  await node.subscribe(meeting, () => {
    throw error;
  });
  const { heard } = await heardOn(node);
  node.publish(meeting, finalMessage(1));
  expect(heard).toHaveLength(1);
  expect(observed).toEqual([{ type: 'error', stage: 'bus', meeting, error }]);
});

test('a subscription that fails leaves nothing behind: the next one is another', async () => {
  const inner = memoryBus();
  let attempts = 0;
  const refusing: Bus = {
    ...inner,
    async subscribe(...args) {
      attempts += 1;
      if (attempts === 1) throw new Error('the bus is down');
      return inner.subscribe(...args);
    },
  };
  const [near, far] = [messageBus(inner), messageBus(refusing)];
  const failed = await Promise.allSettled([heardOn(far), heardOn(far)]);
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const { heard } = await heardOn(far);
  near.publish(meeting, finalMessage(1));
  expect([attempts, heard.length]).toEqual([2, 1]);
});

test('what a bus brings while it is subscribed to is heard', async () => {
  const inner = memoryBus();
  const prompt: Bus = {
    ...inner,
    subscribe(meeting, listener) {
      listener(envelopeOf(finalMessage(1)));
      return inner.subscribe(meeting, listener);
    },
  };
  const { heard } = await heardOn(messageBus(prompt));
  expect(heard.map(({ seq }) => seq)).toEqual([1]);
});
