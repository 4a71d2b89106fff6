/** What a viewer was shown: its finals as they came, and how far it is. */
import type { Subscription } from '@meetcast/client';
import type { TranscriptFinal } from '@meetcast/protocol';

/** A final that was shown twice is in the list twice: this is for finding out. */
export function collectFinals(subscription: Subscription): readonly TranscriptFinal[] {
  const finals: TranscriptFinal[] = [];
  subscription.on('reset', () => {
    finals.length = 0;
  });
  subscription.on('final', (final) => {
    const revised = finals.findIndex(({ segment_no }) => segment_no === final.revises);
    if (revised >= 0) finals.splice(revised, 1);
    finals.push(final);
  });
  return finals;
}

/** Resolves when a viewer has every entry up to this one, or has ended. */
export function reached(subscription: Subscription, seq: number): Promise<void> {
  const isThere = () => (subscription.position?.seq ?? -1) >= seq;
  return new Promise((resolve) => {
    const look = () => {
      if (!isThere()) return;
      stop();
      resolve();
    };
    // A greeting alone can be enough, and later ones too: an entry may have come just before the link broke.
    const offs = [subscription.on('event', look), subscription.on('connection', look)];
    const stop = () => {
      for (const off of offs) off();
    };
    void subscription.closed.then(() => resolve());
    look();
  });
}

/** Whether a promise was kept in time. */
export async function inTime(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
