/** `meetcast meetings`: which meetings a hub has kept, newest first. */
import type { MeetingSummary } from '@meetcast/protocol';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { addExamples } from '../help.ts';
import { addHubOptions, type HubFlags, resolveHub } from '../hub-options.ts';
import { moment, printable, table } from '../show.ts';
import { wholeNumber } from '../values.ts';

interface MeetingsFlags extends HubFlags {
  limit: number;
  after?: string;
}

export function registerMeetings(program: Command, context: Context): void {
  const command = program
    .command('meetings')
    .description('List the meetings there were, newest first.')
    .addOption(new Option('--limit <n>', 'how many').argParser(wholeNumber(1)).default(50))
    .option('--after <place>', 'go on where an earlier list stopped, as it said');
  addHubOptions(command).action((flags: MeetingsFlags) => meetings(flags, context));
  addExamples(command, [
    ['the newest ones', 'meetcast meetings --limit 10'],
    ['the ids alone', `meetcast meetings --json | jq -r 'select(.event=="meeting").meeting_id'`],
  ]);
  command.addHelpText(
    'after',
    '\nWith --json each line is a meeting; if there are more, the last one is {"event":"more","after":…}.\n',
  );
}

async function meetings(flags: MeetingsFlags, context: Context): Promise<void> {
  const { json, emit, paint, say } = context.output;
  const hub = await resolveHub(flags, context);
  const { listMeetings } = await import('../hub-request.ts');
  const { limit, after } = flags;
  const { items, next } = await listMeetings(hub, { limit, ...(after === undefined ? {} : { after }) });
  const lines = table([columns, ...items.map(rowOf)]);
  if (items.length === 0) say(after === undefined ? 'no meetings yet' : 'no more meetings');
  else if (!json) emit({ event: 'head' }, paint.bold(lines[0] ?? ''));
  for (const [place, item] of items.entries()) emit({ event: 'meeting', ...item }, lines[place + 1]);
  if (next === null) return;
  emit({ event: 'more', after: next });
  say(`There are more: --after ${printable(next)}`);
}

const columns = ['id', 'title', 'started', 'ended', 'languages', 'entries'];

const rowOf = (meeting: MeetingSummary): (string | number)[] => [
  printable(meeting.meeting_id),
  printable(meeting.title ?? ''),
  moment(meeting.started_at),
  meeting.ended_at === null ? 'live' : moment(meeting.ended_at),
  printable(meeting.languages.join(' ')),
  meeting.seq,
];
