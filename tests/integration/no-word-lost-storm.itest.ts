// Random storms over recognizer and links: words said = stored = seen, where they were said.
import { describe, test } from 'vitest';
import kept from '../seeds/no-word-lost.json' with { type: 'json' };
import { type StormRun, weather } from '../support/no-word-lost-storm.ts';

/** MEETCAST_STORMS says how many; each with another seed. */
const storms = Number(process.env.MEETCAST_STORMS ?? 4);
const first = Number(process.env.MEETCAST_STORM_SEED ?? Date.now() % 1_000_000);
const size = { words: 40, faults: 6 };
const seeds: (StormRun & { why: string })[] = kept;

async function hold(run: StormRun): Promise<void> {
  try {
    await weather(run);
  } catch (error) {
    const entry = JSON.stringify({ ...run, why: 'what it showed' });
    throw new Error(
      `a storm drowned a word; keep it in tests/seeds/no-word-lost.json as ${entry}\n${String(error)}`,
      {
        cause: error,
      },
    );
  }
}

describe('[ING10, ING12] whatever fails, and wherever in the audio', () => {
  const all = Array.from({ length: storms }, (_, index) => first + index);
  test.each(all)('seed %i', { timeout: 180_000 }, async (seed) => await hold({ seed, ...size }));
});

describe('storms that once drowned a word', () => {
  test.skipIf(seeds.length > 0)('none is kept yet', () => {});
  test.each(seeds)('seed $seed: $why', { timeout: 180_000 }, async ({ why: _, ...run }) => await hold(run));
});
