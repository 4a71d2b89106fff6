/** One node of a bus in a test, and what it was told of its way to the others. */
import type { MeetingRef, Unsubscribe } from '@meetcast/server';
import { type RedisConnectOptions, redisBus } from '@meetcast/server/redis';
import { expect, onTestFinished, vi } from 'vitest';
import type { Message } from '../../packages/server/src/bus/message.ts';
import { MessageBus } from '../../packages/server/src/bus/message-bus.ts';
import { finalMessage, freshMeeting, partialMessage } from '../../packages/server/test/support/entries.ts';

export class BusNode {
  readonly bus: ReturnType<typeof redisBus>;
  readonly #messages: MessageBus;
  /** What failed, and what came that no hub has sent. */
  readonly errors: unknown[] = [];
  /** Each change, and why. */
  readonly changes: { state: 'away' | 'back'; error: Error | undefined }[] = [];
  readonly #onChange = new Set<(state: 'away' | 'back') => void>();

  /** Closed with the test. */
  constructor(options: RedisConnectOptions) {
    this.bus = redisBus(options);
    this.#messages = new MessageBus(this.bus, (event) => {
      if (event.type === 'error') this.errors.push(event.error);
    });
    this.bus.remote?.watch((state, error) => {
      this.changes.push({ state, error });
      for (const call of this.#onChange) call(state);
    });
    onTestFinished(() => this.bus.close());
  }

  get isAway(): boolean {
    return this.changes.at(-1)?.state === 'away';
  }

  get backs(): number {
    return this.changes.filter(({ state }) => state === 'back').length;
  }

  /** Called at the very moment, until the returned function is. */
  on(state: 'away' | 'back', call: () => void): () => void {
    const own = (change: 'away' | 'back') => {
      if (change === state) call();
    };
    this.#onChange.add(own);
    return () => this.#onChange.delete(own);
  }

  publish(meeting: MeetingRef, message: Message): void {
    this.#messages.publish(meeting, message);
  }

  subscribe(meeting: MeetingRef, listener: (message: Message) => void): Promise<Unsubscribe> {
    return this.#messages.subscribe(meeting, listener);
  }

  /** Everything heard from here on, as texts. */
  async listen(meeting: MeetingRef): Promise<string[]> {
    const texts: string[] = [];
    await this.subscribe(meeting, ({ text }) => texts.push(text));
    return texts;
  }

  /** Resolves when it has joined the others, however long that takes. */
  async ready(): Promise<void> {
    await vi.waitFor(() => this.bus.remote?.ping(), patient);
  }
}

/** Servers may need a while to notice, on a busy machine above all. */
export const patient = { timeout: 90_000, interval: 10 };

export const untilAway = (node: BusNode) => expect.poll(() => node.isAway, patient).toBe(true);

/**
 * Two nodes of which one or both lose the others, and hear each other again as if nothing had been: local words go on
 * meanwhile, meetings may be joined, and what is published at the very moment of `back` arrives once.
 */
export async function expectToOutlive(
  [near, far]: readonly [BusNode, BusNode],
  fault: { cut(): unknown; heal(): unknown },
): Promise<void> {
  const [before, meanwhile] = [freshMeeting(), freshMeeting()];
  const heardBefore = await far.listen(before);
  await Promise.all([near.ready(), far.ready()]);
  await near.publish(before, finalMessage(1));
  await expect.poll(() => heardBefore, patient).toEqual([finalMessage(1).text]);

  const backs = far.backs;
  let last = '';
  const publishLast = () => {
    if (near.isAway || far.isAway || far.backs === backs) return;
    // A node that is late to notice is back a second time: the last one counts.
    const message = partialMessage(99, `as soon as everybody was back, ${far.backs} ${near.backs}`);
    last = message.text;
    for (const meeting of [before, meanwhile]) void near.publish(meeting, message);
  };
  let heardMeanwhile: string[] | undefined;
  const ends = [
    near.on('back', publishLast),
    far.on('back', publishLast),
    far.on('away', () => {
      void far.publish(before, finalMessage(2));
      // It may be away more than once before it is back for good.
      far.listen(meanwhile).then((heard) => {
        heardMeanwhile ??= heard;
      });
    }),
  ];
  await fault.cut();
  await expect.poll(() => far.changes.length, patient).toBeGreaterThan(2 * backs);
  expect(heardBefore[1]).toBe(finalMessage(2).text);
  await expect.poll(() => heardMeanwhile, patient).toBeDefined();
  await fault.heal();
  await expect.poll(() => last !== '' && heardBefore.includes(last), patient).toBe(true);
  await expect.poll(() => heardMeanwhile?.includes(last), patient).toBe(true);
  for (const end of ends) end();
  // Whatever comes twice comes at once: another message tells that nothing else is under way.
  await near.publish(before, finalMessage(3));
  await expect.poll(() => heardBefore, patient).toContain(finalMessage(3).text);
  const once = heardBefore.filter((text) => text !== finalMessage(2).text);
  expect(new Set(once).size).toBe(once.length);
}
