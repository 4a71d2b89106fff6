/** `meetcast chaos`: faults in the middle of meetings, and whether a word is lost. */
import type { Source } from '@meetcast/protocol';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ChaosFlags } from '../chaos/run.ts';
import type { Context } from '../context.ts';
import { addExamples, addNotes, type Example } from '../help.ts';
import { addHubOptions } from '../hub-options.ts';
import { sources } from '../sources.ts';
import { duration, number, wholeNumber } from '../values.ts';

const mostParallel = 64;

const examples: readonly Example[] = [
  ['every scenario, on its own hubs', 'meetcast chaos --local'],
  ['your hub, from the client’s side', 'meetcast chaos --url https://hub.example --token "$TOKEN"'],
  ['two sources at once, each in stereo', 'meetcast chaos --local --sources mic,system --channels 2'],
  ['all scenarios', 'meetcast chaos --list'],
  ['one failure again', 'meetcast chaos --local --only recognizer-silent --seed 7'],
  ['for scripts: what failed', 'meetcast chaos --local --json | jq \'select(.status == "failed")\''],
  [
    'for scripts: how far words were off',
    "meetcast chaos --local --json | jq 'select(.time_error_ms) | {name, time_error_ms}'",
  ],
];

export function registerChaos(program: Command, context: Context): void {
  const command = program
    .command('chaos')
    .description('Inject faults into running meetings, one at a time, and check that no word is lost.')
    .addOption(
      new Option('--local', 'test its own hubs and recognizers instead of yours, with more faults')
        .default(false)
        .conflicts(['url', 'host', 'port', 'token', 'secret']),
    )
    .option('--memory', 'with --local: store nothing on disk', false)
    .addOption(new Option('--only <names>', 'run only these scenarios, such as drop,slow').argParser(names))
    .option('--list', 'list the scenarios without running them', false)
    .addOption(
      new Option('--sources <names>', 'sources that speak at once: mic, system, or mic,system')
        .argParser(sourceNames)
        .default(['mic'] as const, 'mic'),
    )
    .addOption(
      new Option('--channels <n>', 'channels of each source, all with the same audio')
        .argParser(wholeNumber(1, 8))
        .default(1),
    )
    .addOption(
      new Option(
        '--seed <n>',
        'seed of the words and of the moments of the faults (default: random)',
      ).argParser(wholeNumber(0)),
    )
    .addOption(
      new Option('--speed <n>', 'speed of the speakers; 1 is real time').argParser(number()).default(1),
    )
    .addOption(
      new Option('--parallel <n>', 'scenarios to run at once (default: 1, with --local 6)').argParser(
        wholeNumber(1, mostParallel),
      ),
    )
    .addOption(
      new Option('--time-limit <duration>', 'stop after this long; unfinished scenarios have failed')
        .argParser(duration)
        .default(300, '5m'),
    );
  addHubOptions(command).action(async (flags: ChaosFlags) => {
    const { chaos } = await import('../chaos/run.ts');
    await chaos(flags, context);
  });
  addExamples(command, examples);
  addNotes(
    command,
    'A scenario passes if no word is lost or repeated, each is stored within 20 ms of where it was said, and senders and viewers got the statuses they should. Otherwise the exit code is 1.',
    'The audio is for the simulator: a hub at --url must transcribe with it, not with Deepgram.',
  );
}

function names(text: string): string[] {
  const named = listed(text);
  if (named.length > 0) return named;
  throw new InvalidArgumentError('Expected names such as drop,slow. --list shows all.');
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
