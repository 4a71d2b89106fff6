/** What a command's `--help` shows: its options, examples below them, and notes below those. */
import { type Command, Help, type HelpConfiguration, Option } from 'commander';

export type Example = readonly [about: string, line: string];

export function addExamples(command: Command, examples: readonly Example[]): Command {
  const shown = examples.map(([about, line]) => `  # ${about}\n  ${line}`);
  return command.addHelpText('after', `\nExamples:\n${shown.join('\n\n')}`);
}

/** Paragraphs, wrapped to the width of the terminal. */
export function addNotes(command: Command, ...notes: readonly string[]): Command {
  return command.addHelpText('after', () => {
    const width = command.configureOutput().getOutHelpWidth?.() ?? 80;
    return notes.map((note) => `\n${command.createHelp().boxWrap(note, width)}`).join('\n');
  });
}

/** How `--help` shows the options of every command. */
export const helpStyle: HelpConfiguration = {
  showGlobalOptions: true,
  minWidthToWrap: 20,
  // That a switch is off unless it is given goes without saying.
  optionDescription: (option) =>
    plain.optionDescription(
      option.defaultValue === false ? new Option(option.flags, option.description) : option,
    ),
  // Where a terminal is too narrow for two columns, what an item is about stands below it.
  formatItem: (term, termWidth, description, help) => {
    const width = help.helpWidth ?? 80;
    if (description === '' || width - termWidth >= leastBesides) {
      return plain.formatItem.call(help, term, termWidth, description, help);
    }
    const below = help.boxWrap(description, Math.max(width - indent, 20));
    return `  ${term}\n${below.replace(/^/gm, ' '.repeat(indent))}`;
  },
};

const plain = new Help();
const indent = 6;
/** Columns of a description that stands beside what it is about, and of the gap between them. */
const leastBesides = 32;
