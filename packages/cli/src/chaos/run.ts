/** `meetcast chaos`, once its flags are read: what is played, where, and what comes of it. */
import type { Source } from '@meetcast/protocol';
import {
  ChaosError,
  type ChaosOptions,
  type ChaosRun,
  chaos as playChaos,
  scenarios,
  type TestedHub,
} from '@meetcast/testing/chaos';
import type { Context } from '../context.ts';
import { mintToken } from '../dev-token.ts';
import { readEnvironment, readSettings } from '../env.ts';
import { CliError } from '../exit.ts';
import { answerFailure, connectFailure, requestFailure } from '../failure.ts';
import { type HubFlags, resolveHub } from '../hub-options.ts';
import type { Output } from '../output.ts';
import { chaosNote, chaosProblem } from '../sentences.ts';
import { count, table } from '../show.ts';
import { onStopSignal } from '../signals.ts';
import { hubInProcess } from './hub-in-process.ts';
import { Board, summaryOf, textOf } from './report.ts';

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

export async function chaos(flags: ChaosFlags, context: Context): Promise<void> {
  const { output } = context;
  if (flags.list) return list(output);
  if (flags.memory && !flags.local) throw new CliError('usage', ...chaosProblem.memoryNeedsLocal);
  const hub = flags.local ? undefined : await testedHub(flags, context);
  const board = new Board(output);
  const abort = new AbortController();
  const ignoreSignals = onStopSignal(() => abort.abort());
  const { local: _, memory, list: __, timeLimit, ...options } = flags;
  try {
    const run = await playChaos({
      ...pick(options),
      hub,
      own: { memory, ...(memory ? {} : { openProcess: hubInProcess }) },
      timeLimitMs: timeLimit * 1_000,
      signal: abort.signal,
      progress: {
        started: (plan) => announce(plan, flags, hub?.url, output),
        moved: (name, act, meeting) => board.moved(name, act, meeting),
        ended: (name, result) => board.ended(name, result),
      },
    });
    conclude(run, output);
  } catch (error) {
    throw error instanceof ChaosError ? await failureOf(error, hub?.url ?? '') : error;
  } finally {
    board.close();
    ignoreSignals();
  }
}

const pick = ({ only, sources, channels, seed, speed, parallel }: Partial<ChaosFlags>): ChaosOptions => ({
  only,
  seed,
  parallel,
  ...(sources && { sources }),
  ...(channels !== undefined && { channels }),
  ...(speed !== undefined && { speed }),
});

async function testedHub(flags: ChaosFlags, context: Context): Promise<TestedHub> {
  const hub = await resolveHub(flags, context);
  const names = ['SECRET_KEY', 'JWT_AUDIENCE', 'JWT_ISSUER'] as const;
  const env = readSettings(readEnvironment(context.cwd, context.processEnv), names);
  const secret = flags.secret ?? env.SECRET_KEY;
  if (secret === undefined) return hub;
  const terms = { audience: env.JWT_AUDIENCE, issuer: env.JWT_ISSUER };
  return { ...hub, mint: (ttlSeconds) => mintToken(secret, terms, ttlSeconds) };
}

function list({ emit, json }: Output): void {
  if (!json) {
    const rows = scenarios.map(({ name, needs, about }) => [name, chaosNote.needs[needs], about]);
    return emit({ event: 'list' }, table([['scenario', 'needs', 'fault'], ...rows]).join('\n'));
  }
  for (const { name, needs, about } of scenarios) emit({ event: 'listed', name, needs, about });
}

interface Plan {
  seed: number;
  scenarios: readonly string[];
}

function announce(
  plan: Plan,
  { sources, channels }: ChaosFlags,
  url: string | undefined,
  output: Output,
): void {
  const { seed, scenarios: names } = plan;
  output.emit({ event: 'start', seed, hub: url ?? null, sources, channels, scenarios: names });
  const shape = `${sources.join(' and ')}${channels > 1 ? ` of ${channels} channels` : ''}`;
  output.say(chaosNote.starting(count(names.length, 'scenario'), url, shape, seed));
}

async function failureOf({ problem, message, closed, cause }: ChaosError, url: string): Promise<CliError> {
  switch (problem) {
    case 'unknown_scenario':
      return new CliError('usage', message, chaosProblem.seeList);
    case 'needs_own_hub':
      return new CliError('usage', message, chaosProblem.passLocal);
    case 'not_connected':
      return connectFailure(url, closed);
    case 'no_words':
      return new CliError('failed', message, chaosProblem.useSimulator);
    case 'request_failed':
      if (cause instanceof Response) return answerFailure(cause);
      return cause === undefined ? new CliError('failed', message) : requestFailure(url, cause);
    case 'faulty_without_fault':
      return new CliError('failed', message, chaosProblem.seeSmoke);
  }
}

/** What was begun and has not finished has failed; only a person who stops it may leave a verdict open. */
function conclude({ results, seed, stopped }: ChaosRun, output: Output): void {
  const summary = summaryOf(results);
  const isWell = summary.failed === 0 && summary.unfinished === 0;
  output.emit({ event: 'chaos', ok: isWell, seed, ...summary }, textOf(results));
  if (isWell) return output.say(output.notePaint.green(chaosNote.passed));
  const parts = [
    ...(summary.failed > 0 ? [`${count(summary.failed, 'scenario')} failed`] : []),
    ...(summary.unfinished > 0 ? [`${count(summary.unfinished, 'scenario')} did not finish`] : []),
  ];
  const what = parts.join(', ');
  if (stopped === undefined) throw new CliError('failed', ...chaosProblem.failed(what, seed));
  if (stopped.limitMs === undefined) throw new CliError('failed', ...chaosProblem.stopped(what));
  throw new CliError('failed', ...chaosProblem.outOfTime(stopped.message, what));
}
