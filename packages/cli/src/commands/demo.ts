/** `meetcast demo`: a whole meeting in one process, and the proof that no word was lost. */
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import type { DemoFlags } from '../demo/run.ts';
import { addExamples } from '../help.ts';
import { number } from '../values.ts';

export function registerDemo(program: Command, context: Context): void {
  const command = program
    .command('demo')
    .description(
      'Watch a half-minute demo: two speakers, three viewers, a lost connection, and no word lost.',
    )
    .addOption(new Option('--speed <n>', 'speed; 1 is real time').argParser(number()).default(1))
    .action(async (flags: DemoFlags) => {
      // The hub and Deepgram's SDK take a while to load, which no other command should wait for.
      const { demo } = await import('../demo/run.ts');
      await demo(flags, context);
    });
  addExamples(command, [
    ['half a minute, live', 'meetcast demo'],
    ['three seconds, for scripts', 'meetcast demo --speed 10 --json'],
  ]);
}
