/** `meetcast transcript`: what a meeting's log holds, as text, subtitles or JSON. */
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { addExamples } from '../help.ts';
import { addHubOptions } from '../hub-options.ts';
import type { TranscriptFlags } from '../transcript/run.ts';

const formats = ['json', 'txt', 'srt', 'vtt'] as const;

export function registerTranscript(program: Command, context: Context): void {
  const command = program
    .command('transcript')
    .description('Print the transcript of a meeting.')
    .requiredOption('--meeting <id>', 'id of the meeting')
    .addOption(new Option('--format <name>', 'output format (default: txt)').choices(formats))
    .option('--out <file>', 'file to write; - is stdout', '-');
  addHubOptions(command).action(async (flags: TranscriptFlags) => {
    const { transcript } = await import('../transcript/run.ts');
    await transcript(flags, context);
  });
  addExamples(command, [
    ['to read', 'meetcast transcript --meeting standup'],
    ['subtitles', 'meetcast transcript --meeting standup --format srt --out standup.srt'],
    ['one document, with times and speakers', 'meetcast transcript --meeting standup --format json'],
    ['one final per line', 'meetcast transcript --meeting standup --json'],
  ]);
}
