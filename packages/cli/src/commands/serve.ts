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
    .description('Run a hub: it transcribes live meetings and stores their transcripts.')
    .addOption(
      new Option('--port <n>', 'port to listen on; 0 is any free port').argParser(port).default(defaultPort),
    )
    .option('--host <name>', 'address to listen on; 0.0.0.0 is all of them', '127.0.0.1')
    .option(
      '--data <folder>',
      'folder for transcripts and a generated development secret (default: meetcast-data)',
    )
    .addOption(
      new Option('--memory', 'store nothing on disk').default(false).conflicts(['data', 'databaseUrl']),
    )
    .option('--quiet', 'print no log', false);
  addServeSettings(command);
  command.action(async (flags: ServeFlags) => {
    // The hub and Deepgram's SDK take a while to load, which no other command should wait for.
    const { serve } = await import('../serve/run.ts');
    await serve(flags, { ...flags }, context);
  });
  addExamples(command, [
    ['a hub to try out; stderr shows how to connect', 'meetcast serve'],
    ['transcripts in a folder of your choice', 'meetcast serve --data /var/lib/meetcast'],
    ['transcripts in PostgreSQL', 'DATABASE_URL=postgres://meetcast@db/meetcast meetcast serve'],
    ['with Deepgram and your own secret', 'DEEPGRAM_API_KEY=… SECRET_KEY=… meetcast serve --host 0.0.0.0'],
    ['verifying tokens of your own service', 'meetcast serve --jwt-public-key-path keys/public.pem'],
    ['for scripts: the first line has the address', 'meetcast serve --port 0 --json'],
  ]);
}
