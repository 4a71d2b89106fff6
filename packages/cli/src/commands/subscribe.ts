/** `meetcast subscribe`: a meeting's words as they are said. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Context } from '../context.ts';
import { addExamples, addNotes } from '../help.ts';
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
    .description('Watch a meeting live: partial text updates in place, final text stays.')
    .requiredOption('--meeting <id>', 'id of the meeting')
    .addOption(new Option('--since <seq>', 'resume after this log entry').argParser(wholeNumber(0)))
    .option('--epoch <text>', 'log that --since belongs to')
    .addOption(
      new Option('--history <n>', 'past entries to show: all, none or a number (default: all)').argParser(
        history,
      ),
    )
    .addOption(new Option('--until <what>', 'stop when the meeting has ended').choices(['ended']))
    .addOption(
      new Option('--timeout <duration>', 'give up after this long, with exit code 5').argParser(duration),
    );
  addHubOptions(command).action(async (flags: SubscribeFlags) => {
    const { watch } = await import('../subscribe/run.ts');
    await watch(flags, context);
  });
  addExamples(command, [
    ['live, until Ctrl-C', 'meetcast subscribe --meeting standup'],
    [
      'for scripts: only the words, and an exit code',
      'meetcast subscribe --meeting standup --until ended --timeout 1h > words.txt',
    ],
    ['resume where another run stopped', 'meetcast subscribe --meeting standup --since 41 --epoch 3f2c…'],
    [
      'finals as JSON',
      `meetcast subscribe --meeting standup --json | jq -r 'select(.event=="transcript.final").text'`,
    ],
  ]);
  addNotes(
    command,
    'Each line of --json is a message of the hub, with its type as "event" too: transcript.partial, transcript.final, status, ai.tip, summary, gap, retract. The events connection, reset and hub-error are about the connection.',
  );
}
