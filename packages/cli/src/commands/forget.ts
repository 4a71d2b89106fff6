/** `meetcast forget`: a meeting is gone for good, with every word. */
import type { Command } from 'commander';
import { confirmed } from '../confirm.ts';
import type { Context } from '../context.ts';
import { CliError } from '../exit.ts';
import { addExamples } from '../help.ts';
import { addHubOptions, type HubFlags, resolveHub } from '../hub-options.ts';
import { readNote } from '../sentences.ts';

interface ForgetFlags extends HubFlags {
  meeting: string;
  yes: boolean;
}

export function registerForget(program: Command, context: Context): void {
  const command = program
    .command('forget')
    .description(
      'Delete a meeting for good, with its whole transcript. Needs a role that may manage meetings.',
    )
    .requiredOption('--meeting <id>', 'id of the meeting')
    .option('--yes', 'delete without confirmation; needed without a terminal', false);
  addHubOptions(command).action((flags: ForgetFlags) => forget(flags, context));
  addExamples(command, [
    ['with confirmation', 'meetcast forget --meeting standup'],
    ['for scripts', 'meetcast forget --meeting standup --yes'],
  ]);
}

async function forget(flags: ForgetFlags, context: Context): Promise<void> {
  const { meeting, yes } = flags;
  const { output } = context;
  const hub = await resolveHub(flags, context);
  const { forgetMeeting } = await import('../hub-request.ts');
  if (!yes && !(await isMeant(meeting, hub.url)))
    throw new CliError('failed', ...readNote.notDeleted(meeting));
  await forgetMeeting(hub, meeting);
  output.emit({ event: 'forgotten', meeting });
  output.say(readNote.deleted(meeting));
}

async function isMeant(meeting: string, url: string): Promise<boolean> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY) throw new CliError('usage', ...readNote.cannotAsk);
  return confirmed(readNote.askToDelete(meeting, url), stdin, stderr);
}
