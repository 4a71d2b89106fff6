/** The engine: meetings under faults, and whether a word is lost. */
import { randomInt } from 'node:crypto';
import type { Source } from '@meetcast/protocol';
import type { Result } from './judge.ts';
import { Players, type Progress } from './players.ts';
import { scenariosFor } from './scenarios.ts';
import type { OpenStage, OwnHubs } from './stage.ts';
import { Stopped, stoppedBy } from './stopped.ts';
import type { TestedHub } from './tested-hub.ts';

export interface ChaosOptions {
  /** The hub that is tested, from its clients' side. Left out: each scenario has a hub of its own, and there are more. */
  hub?: TestedHub | undefined;
  own?: OwnHubs;
  /** The names of the scenarios to play. Default: all that are possible. */
  only?: readonly string[] | undefined;
  /** Who speaks in each meeting. Default: `mic` alone. */
  sources?: readonly Source[];
  /** Of each source; all of them say the same. Default 1. */
  channels?: number;
  /** Of the words, and of where in them the faults come. Default: a random one, which the run tells. */
  seed?: number | undefined;
  /** How fast people speak: 1 is real time. Default 1. */
  speed?: number;
  /** How many scenarios are played at once. Default 1 for a hub that is tested, else 6. */
  parallel?: number | undefined;
  /** What has not finished by then has failed. Default 300 000. */
  timeLimitMs?: number;
  /** Stops it: what has not finished by then is left open. */
  signal?: AbortSignal;
  progress?: Progress;
}

export interface ChaosRun {
  readonly seed: number;
  /** By the name of the scenario. */
  readonly results: ReadonlyMap<string, Result>;
  /** Why it ended before its end, if it did. */
  readonly stopped: Stopped | undefined;
}

/** A hub of one's own for each scenario bears more at a time than somebody else's. */
const parallel = { own: 6, tested: 1 } as const;
const defaultTimeLimitMs = 300_000;
const mostSeed = 2 ** 31;

/** Loaded only when there is to be a hub. */
const ownStage: OpenStage = async (options) => (await import('./stage.ts')).openStage(options);

/**
 * Plays scenarios: in the middle of each meeting something fails; at its end every word said has to be stored and seen,
 * once and where it was said. Rejects with a ChaosError if the hub cannot be judged at all.
 */
export async function chaos(options: ChaosOptions = {}, openStage: OpenStage = ownStage): Promise<ChaosRun> {
  const { hub, own = {}, only, sources = ['mic'], channels = 1, speed = 1 } = options;
  const { seed = randomInt(mostSeed), progress = {}, timeLimitMs = defaultTimeLimitMs } = options;
  const scenarios = scenariosFor(hub === undefined, only);
  progress.started?.({ seed, scenarios: scenarios.map(({ name }) => name) });
  const { signal, end } = stopping(timeLimitMs, options.signal);
  try {
    const shape = { sources, channels };
    const players = new Players({ seed, shape, hub, own, speed, openStage, signal, progress });
    const width = options.parallel ?? (hub ? parallel.tested : parallel.own);
    return { seed, results: await players.playAll(scenarios, width), stopped: stoppedBy(signal) };
  } finally {
    end();
  }
}

/** Aborts when the time is over, or somebody stops it: what is open is then closed in order. */
function stopping(limitMs: number, outer: AbortSignal | undefined) {
  const abort = new AbortController();
  const stop = () => abort.abort(new Stopped());
  if (outer?.aborted) stop();
  outer?.addEventListener('abort', stop);
  const limit = setTimeout(() => abort.abort(new Stopped(limitMs)), limitMs);
  return {
    signal: abort.signal,
    end: () => {
      clearTimeout(limit);
      outer?.removeEventListener('abort', stop);
    },
  };
}
