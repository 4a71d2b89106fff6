/** Every scenario, and which of them a run is about. */
import { CliError } from '../exit.ts';
import { clientScenarios } from './client-scenarios.ts';
import { localScenarios } from './local-scenarios.ts';
import type { Scenario } from './scenario.ts';

const all: readonly Scenario[] = [...clientScenarios, ...localScenarios];

/** Those that are possible there, in their own order; `only`: the names of those that are wanted. */
export function scenariosFor(isLocal: boolean, only: readonly string[] | undefined): readonly Scenario[] {
  const unknown = only?.find((name) => !all.some((scenario) => scenario.name === name));
  const next = 'Run `meetcast chaos --list` to see all.';
  if (unknown !== undefined) throw new CliError('usage', `there is no scenario "${unknown}".`, next);
  const wanted = all.filter(({ name }) => only?.includes(name) ?? true);
  const possible = wanted.filter(({ needs }) => isLocal || needs !== 'local');
  const impossible = only && wanted.find((scenario) => !possible.includes(scenario));
  if (impossible)
    throw new CliError('usage', `"${impossible.name}" needs a hub of its own.`, 'Pass --local.');
  return possible;
}

/** What a scenario takes, in the words of a person. */
export const needsOf = ({ needs }: Scenario): string =>
  ({ hub: 'any hub', secret: 'the hub’s secret', local: '--local' })[needs];

export { all as allScenarios };
