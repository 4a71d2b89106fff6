/** `meetcast smoke`: does this hub bring back every word? */
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { addExamples, addNotes } from '../help.ts';
import { addHubOptions } from '../hub-options.ts';
import type { SmokeFlags } from '../smoke.ts';
import { duration, wholeNumber } from '../values.ts';

const mostWords = 2_000;

export function registerSmoke(program: Command, context: Context): void {
  const command = program
    .command('smoke')
    .description('Check a hub end to end: every word that is sent must be stored and seen. For your CI.')
    .addOption(
      new Option('--words <n>', 'number of words to send').argParser(wholeNumber(1, mostWords)).default(20),
    )
    .addOption(
      new Option('--timeout <duration>', 'give up after this long, with exit code 5')
        .argParser(duration)
        .default(60, '60s'),
    );
  addHubOptions(command).action(async (flags: SmokeFlags) => {
    const { smoke } = await import('../smoke.ts');
    await smoke(flags, context);
  });
  addExamples(command, [
    ['after a deploy', 'meetcast smoke --url https://hub.example --token "$TOKEN"'],
    ['for scripts', 'meetcast smoke --words 100 --json | jq .missing'],
  ]);
  addNotes(command, 'The audio is for the simulator: the hub must transcribe with it, not with Deepgram.');
}
