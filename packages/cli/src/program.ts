/** The command line of `meetcast`: its commands and what they have in common. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerChaos } from './commands/chaos.ts';
import { registerDemo } from './commands/demo.ts';
import { registerForget } from './commands/forget.ts';
import { registerKeys } from './commands/keys.ts';
import { registerMeetings } from './commands/meetings.ts';
import { registerSearch } from './commands/search.ts';
import { registerSendPcm } from './commands/send-pcm.ts';
import { registerServe } from './commands/serve.ts';
import { registerSimulator } from './commands/simulator.ts';
import { registerSmoke } from './commands/smoke.ts';
import { registerSubscribe } from './commands/subscribe.ts';
import { registerToken } from './commands/token.ts';
import { registerTranscript } from './commands/transcript.ts';
import { registerWav } from './commands/wav.ts';
import type { Context } from './context.ts';
import { addExamples, helpStyle } from './help.ts';

/** In the order `--help` lists them. */
const commands: ReadonlyArray<(program: Command, context: Context) => void> = [
  registerDemo,
  registerServe,
  registerSimulator,
  registerKeys,
  registerToken,
  registerWav,
  registerSendPcm,
  registerSubscribe,
  registerTranscript,
  registerMeetings,
  registerSearch,
  registerForget,
  registerSmoke,
  registerChaos,
];

/** Throws a CommanderError instead of ending the process. */
export function createProgram(context: Context): Command {
  const program = new Command('meetcast')
    .description('Live meeting transcripts from the terminal.')
    .version(version(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .option('--json', 'print results as JSON on stdout, one event per line')
    .configureHelp(helpStyle)
    .configureOutput({ outputError: () => {} })
    .exitOverride();
  addExamples(program, [
    ['see it work, in half a minute', 'meetcast demo'],
    [
      'a hub, a viewer and a sender, each in its own terminal',
      'SECRET_KEY=… meetcast serve\n  SECRET_KEY=… meetcast subscribe --meeting try\n  SECRET_KEY=… meetcast send-pcm --meeting try --create-test-wav',
    ],
    ['a signed token, for a hub with the same secret', 'SECRET_KEY=… meetcast token --user ada --ttl 1h'],
    ['the options of a command', 'meetcast token --help'],
  ]);
  for (const register of commands) register(program, context);
  return program;
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return (manifest as { version: string }).version;
}
