/** Plays one scenario: a meeting begins, is hurt, heals, ends; then its words are counted. */
import { randomUUID } from 'node:crypto';
import { PublishError } from '@meetcast/client';
import type { Heard } from './judge.ts';
import { Scene, type SceneOptions } from './scene.ts';
import { chance } from './script.ts';
import { reached } from './seen.ts';
import { storedFinals } from './tested-hub.ts';

/** Where a scenario is. */
export type Act = 'opening' | 'speaking' | 'hurt' | 'recovering' | 'ending';

export interface Play extends Omit<SceneOptions, 'meeting'> {
  name: string;
  /** Resolves when the fault is over; without one, only a few words are said. */
  strike: ((scene: Scene) => Promise<void>) | undefined;
  moved(act: Act, scene?: Scene): void;
}

/** The fault comes in the midst of words, after this much audio. */
const strikes = { earliestMs: 2_500, latestMs: 4_500 } as const;
/** Said once words are back. */
const afterwardsMs = 1_500;
/**
 * The longest waits: for a first word, for the end of a fault, for words after it, and less for them where something has
 * failed already, and for the last ones.
 */
const patience = {
  firstMs: 30_000,
  healMs: 90_000,
  backMs: 60_000,
  backInFailureMs: 15_000,
  lastMs: 60_000,
} as const;

/** Rejects when the signal aborts, or with an error when the hub cannot be used. */
export async function play(whole: Play): Promise<Heard> {
  const { name, strike, moved, ...options } = whole;
  moved('opening');
  const scene = await Scene.open({ ...options, meeting: `chaos-${name}-${randomUUID()}` });
  try {
    for (const { speaker } of scene.voices) speaker.start();
    moved('speaking', scene);
    if (strike) await suffer(scene, whole, () => strike(scene));
    moved('ending', scene);
    await Promise.all(scene.voices.map(({ speaker }) => speaker.finish()));
    await end(scene);
    return {
      said: scene.voices.map(({ said }) => said),
      stored: await storedFinals(options.hub, scene.meeting),
      seen: [...scene.finals],
      gaps: [...scene.gaps],
      recoveredMs: scene.recoveredMs,
      notes: scene.notes,
      problems: scene.problems,
    };
  } finally {
    await scene.close();
  }
}

async function suffer(scene: Scene, { seed, moved }: Play, strike: () => Promise<void>): Promise<void> {
  const fromMs = strikes.earliestMs + chance(`${seed}/strike`) * (strikes.latestMs - strikes.earliestMs);
  const isReady = () => scene.positionMs >= fromMs && scene.voices.every(({ isHeard }) => isHeard);
  if (!(await scene.until(isReady, patience.firstMs)))
    throw new Error('no word came back, even before the fault.');
  scene.hurt();
  moved('hurt', scene);
  if (!(await scene.kept(strike(), patience.healMs))) throw new Error('the fault did not end.');
  scene.heal();
  moved('recovering', scene);
  const isOver = () => scene.voices.some(({ sender }) => sender.connection === 'failed');
  const backMs = scene.problems.length > 0 ? patience.backInFailureMs : patience.backMs;
  await scene.until(() => scene.backAt !== undefined || isOver(), backMs);
  if (scene.backAt === undefined) return;
  const goOnUntilMs = scene.positionMs + afterwardsMs;
  await scene.until(() => scene.positionMs >= goOnUntilMs, patience.backMs);
}

/** Everything said is stored, and the viewer has seen as much; or that is a problem. */
async function end(scene: Scene): Promise<void> {
  const last = Promise.all(scene.voices.map(({ sender }) => sender.finalize())).then((ends) =>
    reached(scene.viewer, Math.max(...ends.map(({ lastSeq }) => lastSeq))),
  );
  const problem = await scene.kept(last, patience.lastMs).then(
    (isInTime) =>
      isInTime ? undefined : `not all was stored and seen ${patience.lastMs / 1000} s after the end`,
    (error: unknown) => {
      if (!(error instanceof PublishError)) throw error;
      return `the sender could not finish: ${error.message}`;
    },
  );
  scene.expect(problem === undefined, problem ?? '');
}
