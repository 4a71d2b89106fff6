/** `meetcast simulator`: the Deepgram simulator alone, for any hub's DEEPGRAM_ENDPOINT. */
import type { DeepgramSimulator, DeepgramSimulatorOptions } from '@meetcast/testing';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { addExamples } from '../help.ts';
import { cannotListen } from '../listening.ts';
import { simulatorNote } from '../sentences.ts';
import { count } from '../show.ts';
import { stopSignal } from '../signals.ts';
import { addFaultOptions, type FaultFlags, faultsOf } from '../simulator-faults.ts';
import { duration, number, port } from '../values.ts';

interface SimulatorFlags extends FaultFlags {
  port: number;
  key?: string[];
  pace: number;
  idleTimeout: number;
}

const defaultPort = 8090;
const host = '127.0.0.1';

export function registerSimulator(program: Command, context: Context): void {
  const command = program
    .command('simulator')
    .description(
      'Run the Deepgram simulator: it speaks Deepgram’s live protocol and understands `meetcast wav`.',
    )
    .addOption(
      new Option('--port <n>', `port to listen on (${host}); 0 is any free port`)
        .argParser(port)
        .default(defaultPort),
    )
    .option('--key <text...>', 'accept only these API keys (default: any)')
    .addOption(
      new Option('--pace <n>', 'fastest it reads audio, in times real time; 0 is unlimited')
        .argParser(number(0))
        .default(1.25),
    )
    .addOption(
      new Option('--idle-timeout <duration>', 'close streams after this long without a message')
        .argParser(duration)
        .default(10, '10s'),
    );
  addFaultOptions(command);
  command.action((flags: SimulatorFlags) => simulator(flags, context));
  const endpoint = `DEEPGRAM_ENDPOINT=ws://${host}:${defaultPort}/v1/listen`;
  addExamples(command, [
    ['a simulator, and a hub that uses it', `meetcast simulator &\n  ${endpoint} meetcast serve`],
    [
      'the first two streams break after five seconds of audio',
      'meetcast simulator --fault fin --fault-after-ms 5000 --fault-count 2',
    ],
    ['Deepgram is busy, twice', 'meetcast simulator --refuse 429 --refuse-count 2'],
    ['for scripts: the first line has the address', 'meetcast simulator --port 0 --json'],
  ]);
}

async function simulator(flags: SimulatorFlags, { output }: Context): Promise<void> {
  const faults = faultsOf(flags);
  const { startDeepgramSimulator } = await import('@meetcast/testing');
  const options: DeepgramSimulatorOptions = {
    port: flags.port,
    pace: flags.pace,
    idleTimeoutMs: flags.idleTimeout * 1000,
    faults,
    ...(flags.key === undefined ? {} : { keys: flags.key }),
  };
  const stopped = stopSignal();
  const running = await startDeepgramSimulator(options).catch((error: unknown) => {
    throw cannotListen(error, host, flags.port);
  });
  const endpoint = `${running.url}/v1/listen`;
  output.emit({ event: 'listening', url: `http://${host}:${running.port}`, endpoint }, endpoint);
  output.say(simulatorNote.forHub(endpoint));
  for (const fault of faults) output.say(simulatorNote.fault(JSON.stringify(fault)));
  await stopped;
  const seen = summaryOf(running);
  await running.close();
  output.emit({ event: 'stopped', ...seen });
  output.say(
    simulatorNote.summary(seen.audio_seconds.toFixed(1), count(seen.streams, 'stream'), seen.refused),
  );
}

const summaryOf = ({ streams, refused }: DeepgramSimulator) => ({
  streams: streams.length,
  audio_seconds: streams.reduce((sum, { audioSeconds }) => sum + audioSeconds, 0),
  refused: refused.length,
});
