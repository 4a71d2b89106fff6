/** `meetcast meetings`: which meetings a hub has kept, newest first. */
import type { MeetingSummary } from '@meetcast/protocol';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { addExamples, addNotes } from '../help.ts';
import { addHubOptions, type HubFlags, resolveHub } from '../hub-options.ts';
import { readNote } from '../sentences.ts';
import { moment, printable, table } from '../show.ts';
import { wholeNumber } from '../values.ts';

interface MeetingsFlags extends HubFlags {
  limit: number;
  after?: string;
}

export function registerMeetings(program: Command, context: Context): void {
  const command = program
    .command('meetings')
    .description('List meetings, newest first.')
    .addOption(new Option('--limit <n>', 'number of meetings').argParser(wholeNumber(1)).default(50))
    .option('--after <place>', 'continue where an earlier list stopped; it says where');
  addHubOptions(command).action((flags: MeetingsFlags) => meetings(flags, context));
  addExamples(command, [
    ['the newest meetings', 'meetcast meetings --limit 10'],
    ['only the ids', `meetcast meetings --json | jq -r 'select(.event=="meeting").meeting_id'`],
  ]);
  addNotes(
    command,
    'Each line of --json is a meeting. If there are more, the last line is {"event":"more","after":…}.',
  );
}

async function meetings(flags: MeetingsFlags, context: Context): Promise<void> {
  const { json, emit, paint, say } = context.output;
  const hub = await resolveHub(flags, context);
  const { listMeetings } = await import('../hub-request.ts');
  const { limit, after } = flags;
  const { items, next } = await listMeetings(hub, { limit, ...(after === undefined ? {} : { after }) });
  const lines = table([columns, ...items.map(rowOf)]);
  if (items.length === 0) say(after === undefined ? readNote.noMeetings : readNote.noMoreMeetings);
  else if (!json) emit({ event: 'head' }, paint.bold(lines[0] ?? ''));
  for (const [place, item] of items.entries()) emit({ event: 'meeting', ...item }, lines[place + 1]);
  if (next === null) return;
  emit({ event: 'more', after: next });
  say(readNote.moreMeetings(printable(next)));
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
