/** `meetcast smoke`: does this hub bring back every word? */
import { randomUUID } from 'node:crypto';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { CliError } from '../exit.ts';
import { addExamples, addNotes } from '../help.ts';
import { addHubOptions, type HubFlags, resolveHub } from '../hub-options.ts';
import type { Output } from '../output.ts';
import { smokeNote } from '../sentences.ts';
import { count, table } from '../show.ts';
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
    .description('Check a hub end to end: every word that is sent must be stored and seen. For your CI.')
    .addOption(
      new Option('--words <n>', 'number of words to send').argParser(wholeNumber(1, mostWords)).default(20),
    )
    .addOption(
      new Option('--timeout <duration>', 'give up after this long, with exit code 5')
        .argParser(duration)
        .default(60, '60s'),
    );
  addHubOptions(command).action((flags: SmokeFlags) => smoke(flags, context));
  addExamples(command, [
    ['after a deploy', 'meetcast smoke --url https://hub.example --token "$TOKEN"'],
    ['for scripts', 'meetcast smoke --words 100 --json | jq .missing'],
  ]);
  addNotes(command, 'The audio is for the simulator: the hub must transcribe with it, not with Deepgram.');
}

async function smoke({ words, timeout, ...flags }: SmokeFlags, context: Context): Promise<void> {
  const { output } = context;
  const hub = await resolveHub(flags, context);
  const meeting = `smoke-${randomUUID()}`;
  output.say(smokeNote.saying(count(words, 'word'), meeting, hub.url));
  const { probe } = await import('../smoke.ts');
  const found = await probe(hub, { meeting, words, timeoutMs: timeout * 1000 }, output);
  const isWhole = report(found, meeting, output);
  if (!found.isInTime) throw new CliError('timedOut', ...smokeNote.timedOut(timeout));
  if (!isWhole) throw new CliError('failed', ...smokeNote.failed);
  output.say(output.notePaint.green(smokeNote.passed));
}

function report({ said, stored, seen }: Found, meeting: string, { emit }: Output): boolean {
  const compared = { stored: compareWords(said, stored), seen: compareWords(said, seen) };
  const isWhole = compared.stored.isEqual && compared.seen.isEqual;
  const missing = placesOf('missing', compared);
  const unexpected = placesOf('unexpected', compared);
  const figures = { said: countWords(said), stored: countWords(stored), seen: countWords(seen) };
  const lines = [
    ...table([['', 'words'], ...Object.entries(figures)]),
    ...missing.map(({ place, word, from }) => smokeNote.missing(place, word, from)),
    ...unexpected.map(({ place, word, from }) => smokeNote.unexpected(place, word, from)),
  ];
  emit(
    { event: 'smoke', ok: isWhole, meeting, words: figures, missing, unexpected, said: textOf(said) },
    lines.join('\n'),
  );
  return isWhole;
}

const textOf = (words: SourceWords): string => words.mic.join(' ');
