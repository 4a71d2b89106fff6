// Eight hours in one meeting: nothing drifts, nothing is lost, nothing grows.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bundleHub } from '../support/hub-process.ts';
import { type SoakRun, soak } from '../support/no-word-lost-soak.ts';

/** `pnpm prove soak` makes it eight. */
const hours = Number(process.env.MEETCAST_SOAK_HOURS ?? 0);
const seed = Number(process.env.MEETCAST_SOAK_SEED ?? Date.now() % 1_000_000);

const speedUp = 120;
/** A token and a session of the recognizer last as long beside the whole as in eight hours. */
const shape: Pick<SoakRun, 'minutes' | 'parts' | 'minutesBefore' | 'sessionMinutes' | 'tokenSeconds'> =
  hours > 0
    ? {
        minutes: hours * 60,
        parts: hours,
        minutesBefore: 300,
        sessionMinutes: 120,
        tokenSeconds: 3_600 / speedUp,
      }
    : { minutes: 24, parts: 8, minutesBefore: 3, sessionMinutes: 6, tokenSeconds: 2 };
/** A short run ends before a new process has settled. */
const growth = hours > 0 ? 1.1 : 1.3;

test(`[TIME2] ${shape.minutes} minutes in one meeting (seed ${seed})`, {
  timeout: 120_000 + shape.minutes * 10_000,
}, async () => {
  const bundle = await bundleHub();
  onTestFinished(() => bundle.remove());
  const directory = mkdtempSync(join(tmpdir(), 'meetcast-soak-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const figures = await soak({ program: bundle.program, directory, speedUp, seed, ...shape });
  process.stdout.write(`soak: ${JSON.stringify(figures)}\n`);
  for (const driftMs of Object.values(figures.driftMs)) expect(Math.abs(driftMs)).toBeLessThanOrEqual(20);
  expect(figures.sessions).toBeGreaterThanOrEqual((2 * shape.minutes) / shape.sessionMinutes);
  const [first, last] = [figures.memory[0], figures.memory.at(-1)];
  expect(last?.heap).toBeLessThan((first?.heap ?? 0) * growth);
  expect(last?.rss).toBeLessThan((first?.rss ?? 0) * growth);
});
