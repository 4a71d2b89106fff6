/** The examples below a command's `--help`. */
import type { Command } from 'commander';

export type Example = readonly [about: string, line: string];

export function addExamples(command: Command, examples: readonly Example[]): Command {
  const shown = examples.map(([about, line]) => `  # ${about}\n  ${line}`);
  return command.addHelpText('after', `\nExamples:\n${shown.join('\n\n')}\n`);
}
