/** `meetcast chaos`: faults in the middle of meetings, and whether a word is lost. */
import type { Source } from '@meetcast/protocol';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ChaosFlags } from '../chaos/run.ts';
import type { Context } from '../context.ts';
import { addExamples } from '../help.ts';
import { addHubOptions } from '../hub-options.ts';
import { sources } from '../sources.ts';
import { duration, number, wholeNumber } from '../values.ts';

const mostParallel = 64;

export function registerChaos(program: Command, context: Context): void {
  const command = program
    .command('chaos')
    .description('Hurt meetings in their middle, one fault at a time, and count the words: none may be lost.')
    .addOption(
      new Option('--local', 'hubs and recognizers of its own, in place of yours; more can be hurt there')
        .default(false)
        .conflicts(['url', 'host', 'port', 'token', 'secret']),
    )
    .option('--memory', 'with --local: nothing is kept on disk', false)
    .addOption(new Option('--only <names>', 'these scenarios, such as drop,slow').argParser(names))
    .option('--list', 'list the scenarios, and play none', false)
    .addOption(
      new Option('--sources <names>', 'who speaks at once in each meeting: mic, system, or mic,system')
        .argParser(sourceNames)
        .default(['mic'] as const, 'mic'),
    )
    .addOption(
      new Option('--channels <n>', 'of each source: 2 is stereo; all of them say the same')
        .argParser(wholeNumber(1, 8))
        .default(1),
    )
    .addOption(
      new Option('--seed <n>', 'say these words, strike there (default: drawn)').argParser(wholeNumber(0)),
    )
    .addOption(new Option('--speed <n>', 'times real time that people speak').argParser(number()).default(1))
    .addOption(
      new Option('--parallel <n>', 'scenarios at a time (default: 1, with --local 6)').argParser(
        wholeNumber(1, mostParallel),
      ),
    )
    .addOption(
      new Option('--time-limit <duration>', 'stop after so long; what did not finish has failed')
        .argParser(duration)
        .default(300, '5m'),
    );
  addHubOptions(command).action(async (flags: ChaosFlags) => {
    const { chaos } = await import('../chaos/run.ts');
    await chaos(flags, context);
  });
  addExamples(command, [
    ['everything, on hubs of its own', 'meetcast chaos --local'],
    ['your hub, from the client’s side', 'meetcast chaos --url https://hub.example --token "$TOKEN"'],
    ['two sources at once, each in stereo', 'meetcast chaos --local --sources mic,system --channels 2'],
    ['what can happen', 'meetcast chaos --list'],
    ['one failure again', 'meetcast chaos --local --only recognizer-silent --seed 7'],
    ['what failed, in a script', 'meetcast chaos --local --json | jq \'select(.status == "failed")\''],
    [
      'how far words were off',
      "meetcast chaos --local --json | jq 'select(.time_error_ms) | {name, time_error_ms}'",
    ],
  ]);
  command.addHelpText(
    'after',
    `
Passed is a scenario in which no word was lost or came twice, each is stored within 20 ms of where it was said, and
everybody was told what they had to be. Otherwise the exit code is 1.

The words are of the tone language: a hub at --url must listen through the simulator, not through Deepgram.
`,
  );
}

function names(text: string): string[] {
  const named = listed(text);
  if (named.length > 0) return named;
  throw new InvalidArgumentError('Expected names such as drop,slow; --list has all.');
}

function sourceNames(text: string): Source[] {
  const named = listed(text);
  const chosen = sources.filter((source) => named.includes(source));
  if (chosen.length > 0 && chosen.length === named.length) return chosen;
  throw new InvalidArgumentError('Expected mic, system, or mic,system.');
}

const listed = (text: string): string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
