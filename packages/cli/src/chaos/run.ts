/** `meetcast chaos`, once its flags are read: what is played, where, and what comes of it. */
import { randomInt } from 'node:crypto';
import type { Source } from '@meetcast/protocol';
import type { Context } from '../context.ts';
import { readEnvironment, readSettings } from '../env.ts';
import { CliError } from '../exit.ts';
import { type HubFlags, resolveHub } from '../hub-options.ts';
import type { Output } from '../output.ts';
import { count, table } from '../show.ts';
import { onStopSignal } from '../signals.ts';
import type { Secret } from './ageing-token.ts';
import { Players } from './players.ts';
import { Board, type Results, summaryOf, textOf } from './report.ts';
import { allScenarios, needsOf, scenariosFor } from './scenarios.ts';
import type { Shape } from './script.ts';
import type { OpenStage } from './stage.ts';
import { Stopped, stoppedBy } from './stopped.ts';

export interface ChaosFlags extends HubFlags {
  local: boolean;
  memory: boolean;
  list: boolean;
  only?: string[];
  sources: Source[];
  channels: number;
  seed?: number;
  speed: number;
  parallel?: number;
  timeLimit: number;
}

/** A hub of one's own for each scenario bears more at a time than somebody else's. */
const parallel = { local: 6, remote: 1 } as const;
const mostSeed = 2 ** 31;

/** Loaded only when there is to be a hub. */
const ownStage: OpenStage = async (options) => (await import('./stage.ts')).openStage(options);

export async function chaos(
  flags: ChaosFlags,
  context: Context,
  openStage: OpenStage = ownStage,
): Promise<void> {
  const { output } = context;
  if (flags.list) return list(output);
  if (flags.memory && !flags.local) throw new CliError('usage', '--memory works only with --local.');
  const scenarios = scenariosFor(flags.local, flags.only);
  const hub = flags.local ? undefined : await resolveHub(flags, context);
  const { seed = randomInt(mostSeed), speed, memory, sources, channels } = flags;
  const shape: Shape = { sources, channels };
  const width = flags.parallel ?? (flags.local ? parallel.local : parallel.remote);
  const names = scenarios.map(({ name }) => name);
  output.emit({ event: 'start', seed, hub: hub?.url ?? null, ...shape, scenarios: names });
  const place = hub?.url ?? 'its own hubs';
  output.say(`${count(scenarios.length, 'scenario')} on ${place}, ${shapeText(shape)}, --seed ${seed}`);

  const board = new Board(output);
  const { signal, end } = stopping(flags.timeLimit);
  const secret = secretOf(flags, context);
  const options = { seed, shape, hub, secret, speed, memory, openStage, signal, board, output };
  try {
    const results = await new Players(options).playAll(scenarios, width);
    conclude(results, seed, stoppedBy(signal), output);
  } finally {
    board.close();
    end();
  }
}

const shapeText = ({ sources, channels }: Shape): string =>
  `${sources.join(' and ')}${channels > 1 ? ` of ${channels} channels` : ''}`;

/** Aborts when the time is over, or somebody presses Ctrl-C: what is open is then closed in order. */
function stopping(limitSeconds: number) {
  const abort = new AbortController();
  const ignoreSignals = onStopSignal(() => abort.abort(new Stopped()));
  const limit = setTimeout(() => abort.abort(new Stopped(limitSeconds)), limitSeconds * 1000);
  return {
    signal: abort.signal,
    end: () => {
      clearTimeout(limit);
      ignoreSignals();
    },
  };
}

function list({ emit, json }: Output): void {
  if (!json) {
    const rows = allScenarios.map((scenario) => [scenario.name, needsOf(scenario), scenario.about]);
    return emit({ event: 'list' }, table([['scenario', 'needs', 'fault'], ...rows]).join('\n'));
  }
  for (const { name, needs, about } of allScenarios) emit({ event: 'listed', name, needs, about });
}

function secretOf(flags: ChaosFlags, { cwd, processEnv }: Context): Secret | undefined {
  const names = ['SECRET_KEY', 'JWT_AUDIENCE', 'JWT_ISSUER'] as const;
  const env = readSettings(readEnvironment(cwd, processEnv), names);
  const secret = flags.secret ?? env.SECRET_KEY;
  return secret === undefined ? undefined : { secret, audience: env.JWT_AUDIENCE, issuer: env.JWT_ISSUER };
}

/** What was begun and has not finished has failed; only a person who stops it may leave a verdict open. */
function conclude(results: Results, seed: number, stopped: Stopped | undefined, output: Output): void {
  const summary = summaryOf(results);
  const isWell = summary.failed === 0 && summary.unfinished === 0;
  output.emit({ event: 'chaos', ok: isWell, seed, ...summary }, textOf(results));
  if (isWell)
    return output.say(
      output.notePaint.green('No word was lost, none came twice, and each is where it was said.'),
    );
  const left = `${count(summary.unfinished, 'scenario')} did not finish`;
  const failed = `${count(summary.failed, 'scenario')} failed`;
  if (stopped === undefined)
    throw new CliError('failed', `${failed}.`, `Pass --seed ${seed} to repeat the same words.`);
  const both = [...(summary.failed > 0 ? [failed] : []), ...(summary.unfinished > 0 ? [left] : [])].join(
    ', ',
  );
  if (stopped.limitSeconds === undefined) throw new CliError('failed', `stopped: ${both}.`);
  const next = 'Pass a longer --time-limit, or fewer scenarios with --only.';
  throw new CliError('failed', `${stopped.message}: ${both}.`, next);
}
