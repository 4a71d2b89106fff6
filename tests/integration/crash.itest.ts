import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, inject, onTestFinished, test } from 'vitest';
import kept from '../seeds/crash.json' with { type: 'json' };
import { type CrashRun, crashAgainAndAgain } from '../support/crash-run.ts';
import { bundleHub } from '../support/hub-process.ts';

/** `pnpm prove crashes` makes it 20. */
const crashes = Number(process.env.MEETCAST_CRASHES ?? 3);
const seed = Number(process.env.MEETCAST_CRASH_SEED ?? Date.now() % 1_000_000);
const seeds: { seed: number; crashes: number; store: 'SQLite' | 'PostgreSQL'; why: string }[] = kept;

const perCrashMs = 20_000;
const rule =
  'kill -9 in mid-meeting: what a viewer saw and what was durable is there, in one order, and the meeting goes on';

let bundle: Awaited<ReturnType<typeof bundleHub>>;

beforeAll(async () => {
  bundle = await bundleHub();
});
afterAll(() => bundle.remove());

function makeStore(name: 'SQLite' | 'PostgreSQL'): CrashRun['store'] {
  if (name === 'PostgreSQL') return { url: inject('pgUrl') ?? '' };
  const directory = mkdtempSync(join(tmpdir(), 'meetcast-crash-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return { folder: directory };
}

async function hold(name: 'SQLite' | 'PostgreSQL', run: { seed: number; crashes: number }): Promise<void> {
  try {
    const figures = await crashAgainAndAgain({ ...run, program: bundle.program, store: makeStore(name) });
    process.stdout.write(`crashes, ${name}, seed ${run.seed}: ${JSON.stringify(figures)}\n`);
  } catch (error) {
    const entry = JSON.stringify({ ...run, store: name, why: 'what it showed' });
    throw new Error(
      `a crash lost something; keep it in tests/seeds/crash.json as ${entry}\n${String(error)}`,
      {
        cause: error,
      },
    );
  }
}

describe('[LOG1, LOG7, ING10, ING12] ', () => {
  test(`SQLite: ${rule}`, { timeout: 60_000 + crashes * perCrashMs }, async () => {
    await hold('SQLite', { seed, crashes });
  });

  const few = Math.ceil(crashes / 4) + 1;
  test.skipIf(!inject('pgUrl'))(`PostgreSQL: ${rule}`, { timeout: 60_000 + few * perCrashMs }, async () => {
    await hold('PostgreSQL', { seed, crashes: few });
  });
});

describe('crashes that once lost something', () => {
  test.skipIf(seeds.length > 0)('none is kept yet', () => {});
  test.each(seeds)('$store, seed $seed: $why', { timeout: 300_000 }, async ({ store, ...run }) => {
    if (store === 'PostgreSQL' && !inject('pgUrl')) return;
    await hold(store, run);
  });
});
