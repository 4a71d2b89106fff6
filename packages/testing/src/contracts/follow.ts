/** How a contract is checked: each of its sentences is a test, on a stage of its own. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** What a contract says, and how it is seen that an adapter keeps to it. */
export type Contract<Stage> = Readonly<Record<string, (stage: Stage) => Promise<void>>>;

export interface Opened<Stage> {
  readonly stage: Stage;
  close(): Promise<void>;
}

/** Of a test, of a hook: for a machine that stalls, and for services that have to be started. */
const patienceMs = 60_000;

/** One test for each sentence. What `open` gives is closed after the test, even if that has failed. */
export function follow<Stage>(
  name: string,
  contract: Contract<Stage>,
  open: () => Promise<Opened<Stage>>,
): void {
  describe(name, () => {
    let opened: Opened<Stage> | undefined;
    const stage = (): Stage => {
      if (!opened) throw new Error('nothing was opened');
      return opened.stage;
    };

    beforeEach(async () => {
      opened = await open();
    }, patienceMs);
    afterEach(async () => {
      await opened?.close();
      opened = undefined;
    }, patienceMs);

    for (const [sentence, holds] of Object.entries(contract)) {
      test(sentence, () => holds(stage()), patienceMs);
    }
  });
}

/** Polls until it is so: whatever the poll's bound is where the suite runs, it is for a machine that stalls. */
export const eventually = <T>(ask: () => T): ReturnType<typeof expect.poll<T>> =>
  expect.poll(ask, { timeout: patienceMs / 2, interval: 10 });
