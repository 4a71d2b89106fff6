/** `meetcast search`: where words were said. */
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { labelOf } from '../event-text.ts';
import { addExamples } from '../help.ts';
import { addHubOptions, type HubFlags, resolveHub } from '../hub-options.ts';
import type { Hit } from '../hub-request.ts';
import type { Paint } from '../output.ts';
import { readNote } from '../sentences.ts';
import { printable } from '../show.ts';
import { wholeNumber } from '../values.ts';

interface SearchFlags extends HubFlags {
  meeting?: string;
  limit: number;
}

export function registerSearch(program: Command, context: Context): void {
  const command = program
    .command('search')
    .description('Find where words were said, newest meeting first. One utterance must have all of them.')
    .argument('<words...>', 'words to find')
    .option('--meeting <id>', 'search only this meeting (default: all meetings)')
    .addOption(new Option('--limit <n>', 'number of results').argParser(wholeNumber(1)).default(20));
  addHubOptions(command).action((words: string[], flags: SearchFlags) => search(words, flags, context));
  addExamples(command, [
    ['in every meeting', 'meetcast search release thursday'],
    ['in one meeting', 'meetcast search release --meeting standup'],
    ['for scripts: one result per line', `meetcast search release --json | jq -r .meeting_id`],
  ]);
}

async function search(words: readonly string[], flags: SearchFlags, context: Context): Promise<void> {
  const { emit, paint, say } = context.output;
  const hub = await resolveHub(flags, context);
  const { searchWords } = await import('../hub-request.ts');
  const { meeting, limit } = flags;
  const { items, next } = await searchWords(hub, words.join(' '), meeting, { limit });
  for (const hit of items) emit({ event: 'hit', ...hit }, lineOf(hit, paint));
  if (items.length === 0) say(readNote.nothingFound);
  if (next !== null) say(readNote.moreHits);
}

/** `standup [00:12] mic speaker 0: … the words around it …` */
function lineOf({ meeting_id, segment, excerpt, highlights }: Hit, paint: Paint): string {
  const place = `${paint.cyan(printable(meeting_id))} ${paint.dim(printable(labelOf(segment)))}`;
  return `${place} ${highlighted(excerpt, highlights, (word) => paint.bold(paint.yellow(word)))}`;
}

/** The text with its marked stretches painted, none of which can steer the terminal. */
export function highlighted(
  text: string,
  stretches: ReadonlyArray<readonly [number, number]>,
  mark: (text: string) => string,
): string {
  let shown = '';
  let from = 0;
  for (const [start, end] of stretches) {
    shown += printable(text.slice(from, start)) + mark(printable(text.slice(start, end)));
    from = end;
  }
  return shown + printable(text.slice(from));
}
