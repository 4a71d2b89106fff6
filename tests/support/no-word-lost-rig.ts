/** Two hubs in this process, one of which hears channels apart, and a meeting of every shape; every link can be cut. */
import { deepgram } from '@meetcast/server/deepgram';
import {
  type DeepgramSimulator,
  type FaultProxy,
  openFaultProxy,
  startDeepgramSimulator,
} from '@meetcast/testing';
import { onTestFinished } from 'vitest';
import { Meeting, type MeetingOptions, partsOf, type Shape, shapes } from './no-word-lost.ts';
import { mintToken, type StageOptions, startHub, unhurried } from './start-hub.ts';

export interface RigOptions
  extends Pick<StageOptions, 'limits' | 'recovery'>,
    Pick<MeetingOptions, 'isSentElsewhere'> {
  /** Default: all. */
  shapes?: readonly Shape[];
  words?: number;
  seed?: number;
  /** How many times real time the simulator takes. Default: as fast as it comes. */
  pace?: number;
  /** Before anybody comes. */
  before?: ((simulator: DeepgramSimulator) => void) | undefined;
}

export interface Rig {
  readonly simulator: DeepgramSimulator;
  readonly toRecognizer: FaultProxy;
  /** The clients' ways. */
  readonly toHubs: readonly FaultProxy[];
  readonly meetings: readonly Meeting[];
}

export const rigDefaults = { words: 30, seed: 1 } as const;

/** Everybody has come, and may not be connected yet. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const { words, seed } = { ...rigDefaults, ...options };
  const simulator = await startDeepgramSimulator({ pace: options.pace ?? 0 });
  onTestFinished(() => simulator.close());
  options.before?.(simulator);
  const toRecognizer = await openFaultProxy({ port: simulator.port });
  onTestFinished(() => toRecognizer.close());
  const toHubs: FaultProxy[] = [];
  const token = await mintToken();
  const meetings: Meeting[] = [];
  const wanted = options.shapes ?? shapes;
  for (const multichannel of [false, true]) {
    const here = wanted.filter((shape) => (shape === 'apart') === multichannel);
    if (here.length === 0) continue;
    const stage = await startHub({
      recognizer: deepgram({
        apiKey: 'simulated',
        endpoint: `ws://127.0.0.1:${toRecognizer.port}`,
        multichannel,
      }),
      recovery: { replayPace: Number.POSITIVE_INFINITY, ...options.recovery },
      limits: { ...unhurried, closeSpreadMs: 1, ...options.limits },
    });
    const toHub = await openFaultProxy({ port: stage.port });
    onTestFinished(() => toHub.close());
    toHubs.push(toHub);
    for (const shape of here) {
      const meeting = new Meeting({
        meeting: shape.replace(' ', '-'),
        parts: partsOf(shape, words, seed),
        url: `http://127.0.0.1:${toHub.port}`,
        rest: `http://127.0.0.1:${stage.port}`,
        token,
        backoff: { minMs: 20, maxMs: 100 },
        isSentElsewhere: options.isSentElsewhere ?? false,
      });
      onTestFinished(() => meeting.leave());
      meetings.push(meeting);
    }
  }
  return { simulator, toRecognizer, toHubs, meetings };
}

/** Something for every meeting at once. */
export async function each<T>(
  { meetings }: Pick<Rig, 'meetings'>,
  act: (meeting: Meeting) => Promise<T>,
): Promise<T[]> {
  return await Promise.all(meetings.map(act));
}
