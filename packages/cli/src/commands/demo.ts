/** `meetcast demo`: a whole meeting in one process, and the proof that no word was lost. */
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import type { DemoFlags } from '../demo/run.ts';
import { addExamples } from '../help.ts';
import { number } from '../values.ts';

export function registerDemo(program: Command, context: Context): void {
  const command = program
    .command('demo')
    .description('See it work: a meeting of half a minute, three viewers, one cut off, and not a word lost.')
    .addOption(new Option('--speed <n>', 'times real time').argParser(number()).default(1))
    .action(async (flags: DemoFlags) => {
      // The hub and Deepgram's SDK take a while to load, which no other command should wait for.
      const { demo } = await import('../demo/run.ts');
      await demo(flags, context);
    });
  addExamples(command, [
    ['half a minute, live', 'meetcast demo'],
    ['in three seconds, for a script', 'meetcast demo --speed 10 --json'],
  ]);
}
