/** Every scenario, and which of them a run is about. */
import { clientScenarios } from './client-scenarios.ts';
import { ChaosError } from './error.ts';
import { localScenarios } from './local-scenarios.ts';
import type { Scenario } from './scenario.ts';

/** All there are, in the order in which they are played. */
export const scenarios: readonly Scenario[] = [...clientScenarios, ...localScenarios];

/** Those that are possible there, in their own order; `only`: the names of those that are wanted. */
export function scenariosFor(isOwn: boolean, only: readonly string[] | undefined): readonly Scenario[] {
  const unknown = only?.find((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown !== undefined) throw new ChaosError('unknown_scenario', `there is no scenario "${unknown}".`);
  const wanted = scenarios.filter(({ name }) => only?.includes(name) ?? true);
  const possible = wanted.filter(({ needs }) => isOwn || needs !== 'local');
  const impossible = only && wanted.find((scenario) => !possible.includes(scenario));
  if (impossible) throw new ChaosError('needs_own_hub', `"${impossible.name}" needs a hub of its own.`);
  return possible;
}
