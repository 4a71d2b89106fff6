/** `meetcast subscribe`: a meeting's words as they are said. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Context } from '../context.ts';
import { addExamples } from '../help.ts';
import { addHubOptions } from '../hub-options.ts';
import type { SubscribeFlags } from '../subscribe/run.ts';
import { duration, type Parse, wholeNumber } from '../values.ts';

const history: Parse<'all' | 'none' | number> = (text) => {
  if (text === 'all' || text === 'none') return text;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected all, none or a number of entries.');
};

export function registerSubscribe(program: Command, context: Context): void {
  const command = program
    .command('subscribe')
    .description('Watch a meeting: words so far rewrite their line, final ones stay.')
    .requiredOption('--meeting <id>', 'which meeting')
    .addOption(new Option('--since <seq>', 'resume after this entry of the log').argParser(wholeNumber(0)))
    .option('--epoch <text>', 'the log that --since is of')
    .addOption(
      new Option('--history <n>', 'of the past: all, none, or so many entries (default: all)').argParser(
        history,
      ),
    )
    .addOption(new Option('--until <what>', 'stop when the meeting has ended').choices(['ended']))
    .addOption(
      new Option('--timeout <duration>', 'give up after so long, with exit code 5').argParser(duration),
    );
  addHubOptions(command).action(async (flags: SubscribeFlags) => {
    const { watch } = await import('../subscribe/run.ts');
    await watch(flags, context);
  });
  addExamples(command, [
    ['live, until Ctrl-C', 'meetcast subscribe --meeting standup'],
    [
      'in a script: the words alone, and an exit code',
      'meetcast subscribe --meeting standup --until ended --timeout 1h > words.txt',
    ],
    ['from where another run stopped', 'meetcast subscribe --meeting standup --since 41 --epoch 3f2c…'],
    [
      'finals as JSON',
      `meetcast subscribe --meeting standup --json | jq -r 'select(.event=="transcript.final").text'`,
    ],
  ]);
  command.addHelpText(
    'after',
    `
With --json each line is what the hub sent, with its type as "event" too: transcript.partial, transcript.final,
status, ai.tip, summary, gap, retract; and connection, reset, hub-error about the link itself.
`,
  );
}
