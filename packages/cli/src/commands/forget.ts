/** `meetcast forget`: a meeting is gone for good, with every word. */
import type { Command } from 'commander';
import { confirmed } from '../confirm.ts';
import type { Context } from '../context.ts';
import { CliError } from '../exit.ts';
import { addExamples } from '../help.ts';
import { addHubOptions, type HubFlags, resolveHub } from '../hub-options.ts';

interface ForgetFlags extends HubFlags {
  meeting: string;
  yes: boolean;
}

export function registerForget(program: Command, context: Context): void {
  const command = program
    .command('forget')
    .description('Delete a meeting for good: its words, its log, everything. Takes the right to manage.')
    .requiredOption('--meeting <id>', 'which meeting')
    .option('--yes', 'do not ask; without a terminal nobody can be asked', false);
  addHubOptions(command).action((flags: ForgetFlags) => forget(flags, context));
  addExamples(command, [
    ['asks first', 'meetcast forget --meeting standup'],
    ['in a script', 'meetcast forget --meeting standup --yes'],
  ]);
}

async function forget(flags: ForgetFlags, context: Context): Promise<void> {
  const { meeting, yes } = flags;
  const { output } = context;
  const hub = await resolveHub(flags, context);
  const { forgetMeeting } = await import('../hub-request.ts');
  if (!yes && !(await isMeant(meeting, hub.url)))
    throw new CliError('failed', `${meeting} was not forgotten.`, 'Answer y, or pass --yes.');
  await forgetMeeting(hub, meeting);
  output.emit({ event: 'forgotten', meeting });
  output.say(`${meeting} is forgotten`);
}

async function isMeant(meeting: string, url: string): Promise<boolean> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY)
    throw new CliError(
      'usage',
      'nobody can be asked: this is no terminal.',
      'Pass --yes to forget without being asked.',
    );
  return confirmed(`Forget ${meeting} of ${url} for good, with every word? [y/N] `, stdin, stderr);
}
