/** `meetcast smoke`: does this hub bring back every word? */
import { randomUUID } from 'node:crypto';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { CliError } from '../exit.ts';
import { addExamples } from '../help.ts';
import { addHubOptions, type HubFlags, resolveHub } from '../hub-options.ts';
import type { Output } from '../output.ts';
import { table } from '../show.ts';
import type { Found } from '../smoke.ts';
import { duration, wholeNumber } from '../values.ts';
import { compareWords, countWords, placesOf, type SourceWords } from '../words.ts';

interface SmokeFlags extends HubFlags {
  words: number;
  timeout: number;
}

const mostWords = 2_000;

export function registerSmoke(program: Command, context: Context): void {
  const command = program
    .command('smoke')
    .description('Check a hub: words are said, stored and seen, or named as missing. For your CI.')
    .addOption(new Option('--words <n>', 'how many words').argParser(wholeNumber(1, mostWords)).default(20))
    .addOption(
      new Option('--timeout <duration>', 'give up after so long, with exit code 5')
        .argParser(duration)
        .default(60, '60s'),
    );
  addHubOptions(command).action((flags: SmokeFlags) => smoke(flags, context));
  addExamples(command, [
    ['after a deploy', 'meetcast smoke --url https://hub.example --token "$TOKEN"'],
    ['in a script', 'meetcast smoke --words 100 --json | jq .missing'],
  ]);
  command.addHelpText(
    'after',
    '\nThe words are of the tone language: the hub must listen through the simulator, not through Deepgram.\n',
  );
}

async function smoke({ words, timeout, ...flags }: SmokeFlags, context: Context): Promise<void> {
  const { output } = context;
  const hub = await resolveHub(flags, context);
  const meeting = `smoke-${randomUUID()}`;
  output.say(`saying ${words} words in meeting ${meeting} of ${hub.url}`);
  const { probe } = await import('../smoke.ts');
  const found = await probe(hub, { meeting, words, timeoutMs: timeout * 1000 }, output);
  const isWhole = report(found, meeting, output);
  if (!found.isInTime) throw new CliError('timedOut', `not finished within ${timeout} s.`);
  if (!isWhole) throw new CliError('failed', 'the hub did not bring back what was said.');
  output.say(output.notePaint.green('every word was stored and seen, once and in order'));
}

function report({ said, stored, seen }: Found, meeting: string, { emit }: Output): boolean {
  const compared = { stored: compareWords(said, stored), seen: compareWords(said, seen) };
  const isWhole = compared.stored.isEqual && compared.seen.isEqual;
  const missing = placesOf('missing', compared);
  const unexpected = placesOf('unexpected', compared);
  const figures = { said: countWords(said), stored: countWords(stored), seen: countWords(seen) };
  const lines = [
    ...table([['', 'words'], ...Object.entries(figures)]),
    ...missing.map(
      ({ place, word, from }) => `missing: word ${place}, "${word}", was not ${from.join(' and not ')}`,
    ),
    ...unexpected.map(
      ({ place, word, from }) => `not said: "${word}" after word ${place} was ${from.join(' and ')}`,
    ),
  ];
  emit(
    { event: 'smoke', ok: isWhole, meeting, words: figures, missing, unexpected, said: textOf(said) },
    lines.join('\n'),
  );
  return isWhole;
}

const textOf = (words: SourceWords): string => words.mic.join(' ');
