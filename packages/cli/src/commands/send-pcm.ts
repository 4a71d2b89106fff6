/** `meetcast send-pcm`: a WAV file into a meeting, as a microphone would send it. */
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { addExamples, addNotes } from '../help.ts';
import { addHubOptions } from '../hub-options.ts';
import type { SendFlags } from '../send-pcm/run.ts';
import { sources } from '../sources.ts';
import { largestChunkBytes } from '../speech.ts';
import { duration, number, wholeNumber } from '../values.ts';

export function registerSendPcm(program: Command, context: Context): void {
  const command = program
    .command('send-pcm')
    .description('Send a WAV file to a meeting, as a microphone would.')
    .requiredOption('--meeting <id>', 'id of the meeting')
    .addOption(new Option('--wav <file>', 'file to send; - is stdin').conflicts('createTestWav'))
    .option('--create-test-wav', 'send generated words that the simulator understands', false)
    .addOption(
      new Option('--test-duration <duration>', 'length of the generated audio (default: 10s)').argParser(
        duration,
      ),
    )
    .addOption(
      new Option('--source <name>', 'source to send it as').choices(sources).default('mic' as const),
    );
  addHubOptions(command)
    .addOption(
      new Option(
        '--chunk-size <bytes>',
        'bytes per audio frame (default: 4096, or more if the speed needs it)',
      ).argParser(wholeNumber(2, largestChunkBytes)),
    )
    .addOption(
      new Option('--speed <n>', '1 is real time, 0 as fast as the hub reads').argParser(number(0)).default(1),
    )
    .option('--language <tag>', 'spoken language, such as en, tr or auto')
    .option('--title <text>', 'title of the meeting')
    .option(
      '--spool <folder>',
      'folder that keeps audio until it is stored; after a crash, the same command resumes',
    )
    .action(async (flags: SendFlags) => {
      const { sendPcm } = await import('../send-pcm/run.ts');
      await sendPcm(flags, context);
    });
  addExamples(command, [
    ['a file, in real time', 'meetcast send-pcm --meeting standup --wav standup.wav'],
    ['no file at hand', 'meetcast send-pcm --meeting try --create-test-wav --test-duration 30s'],
    [
      'the other side of the call, as fast as the hub reads',
      'meetcast send-pcm --meeting standup --wav remote.wav --source system --speed 0',
    ],
    ['a live microphone', 'ffmpeg -f pulse -i default -f wav - | meetcast send-pcm --meeting live --wav -'],
    [
      'surviving crashes and long outages',
      'meetcast send-pcm --meeting standup --wav standup.wav --spool standup.spool',
    ],
  ]);
  addNotes(
    command,
    'Events of --json: resumed (after a crash, with --spool), connected, progress (about one a second), final, ended {last_seq, coverage}, done.',
  );
}
