/** Reads settings from the process's variables and from a `.env` file beside it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { CliError, messageOf, systemCode } from './exit.ts';
import { usageProblem } from './sentences.ts';
import { type Setting, type SettingName, type Settings, settings } from './settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables of `.env`, where there is one, below those of the process. */
export function readEnvironment(cwd: string, processEnv: Environment): Environment {
  const set = Object.entries(processEnv).filter(([, value]) => value !== undefined && value !== '');
  return { ...readDotEnv(join(cwd, '.env')), ...Object.fromEntries(set) };
}

function readDotEnv(path: string): Environment {
  try {
    return parseEnv(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return {};
    throw new CliError('usage', ...usageProblem.dotEnvUnreadable(path, messageOf(error)));
  }
}

/** The named settings, or an error that names every bad one. An empty value counts as none. */
export function readSettings<Name extends SettingName>(
  environment: Environment,
  names: readonly Name[],
): Pick<Settings, Name> {
  const problems: string[] = [];
  const read: Partial<Record<SettingName, unknown>> = {};
  for (const name of names) {
    const value = environment[name];
    if (value === undefined || value === '') continue;
    try {
      read[name] = settings[name].parse(value);
    } catch (error) {
      problems.push(usageProblem.badSetting(`${name}${describe(settings[name], value)}`, messageOf(error)));
    }
  }
  if (problems.length > 0) throw new CliError('usage', problems.join('\n'), usageProblem.fixSetting);
  return read as Pick<Settings, Name>;
}

const describe = (setting: Setting<unknown>, value: string): string =>
  setting.isSecret ? '' : ` "${value}"`;
