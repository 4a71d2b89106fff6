/** `meetcast serve`: a hub, until it is told to stop. */
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { addExamples } from '../help.ts';
import { defaultPort } from '../hub-options.ts';
import type { ServeFlags } from '../serve/run.ts';
import { addServeSettings } from '../serve/settings.ts';
import { port } from '../values.ts';

export function registerServe(program: Command, context: Context): void {
  const command = program
    .command('serve')
    .description('Run a hub: live meetings, and the transcripts of all there were, in one directory.')
    .addOption(
      new Option('--port <n>', 'where to listen; 0 is any free port').argParser(port).default(defaultPort),
    )
    .option('--host <name>', 'on which address; 0.0.0.0 is every one', '127.0.0.1')
    .option(
      '--data <dir>',
      'where transcripts and a secret made for development are kept (default: meetcast-data)',
    )
    .addOption(
      new Option('--memory', 'keep nothing on disk').default(false).conflicts(['data', 'databaseUrl']),
    )
    .option('--quiet', 'no log of what happens', false);
  addServeSettings(command);
  command.action(async (flags: ServeFlags) => {
    // The hub and Deepgram's SDK take a while to load, which no other command should wait for.
    const { serve } = await import('../serve/run.ts');
    await serve(flags, { ...flags }, context);
  });
  addExamples(command, [
    ['a hub to try things with; the line to copy is on stderr', 'meetcast serve'],
    ['transcripts in a directory of your choice', 'meetcast serve --data /var/lib/meetcast'],
    ['transcripts in PostgreSQL', 'DATABASE_URL=postgres://meetcast@db/meetcast meetcast serve'],
    ['with Deepgram and your own secret', 'DEEPGRAM_API_KEY=… SECRET_KEY=… meetcast serve --host 0.0.0.0'],
    ['checking tokens of your own service', 'meetcast serve --jwt-public-key-path keys/public.pem'],
    ['for a script: the first line says where', 'meetcast serve --port 0 --json'],
  ]);
}
