/** Faults behind a hub of one's own: of its recognizer, and of the hub itself. */
import type { Fault } from '../simulator/faults.ts';
import { halfRate } from './client-scenarios.ts';
import { impatient, refused } from './refusal.ts';
import type { Backstage, ChangeHub, Scenario } from './scenario.ts';
import type { Scene } from './scene.ts';
import { silent } from './silence.ts';

const busyMs = 2_500;
/** A hub may take its time before it tries again. */
const mostBusyMs = 15_000;
const slowMs = 4_000;
const awayMs = 4_000;

export const localScenarios: readonly Scenario[] = [
  ofRecognizer('recognizer-fin', 'the recognizer’s connection ends (FIN)', loses({ kind: 'fin' })),
  ofRecognizer('recognizer-rst', 'the recognizer’s connection is reset (RST)', loses({ kind: 'rst' })),
  ofRecognizer(
    'recognizer-close',
    'the recognizer closes its stream (1000) during the meeting',
    loses({ kind: 'close', code: 1000 }),
  ),
  ofRecognizer(
    'recognizer-silent',
    'the recognizer reads audio and never answers: the hub reports it within 10 s and opens another stream',
    silent,
  ),
  ofRecognizer(
    'recognizer-429',
    'the recognizer disconnects and refuses new streams as too many (429) for 2.5 s or longer',
    async (scene, { recognizer }) => {
      recognizer.fault({ kind: 'refuse', status: 429 });
      recognizer.fault({ kind: 'fin' });
      await scene.wait(busyMs);
      await scene.until(() => recognizer.refused.length > 0, mostBusyMs);
      await recognizer.clear();
    },
  ),
  ofRecognizer(
    'recognizer-401',
    'the recognizer disconnects and refuses the key (401) until the sender is told why',
    (scene, backstage) => refused(scene, backstage, 401, 'told'),
  ),
  ofRecognizer(
    'recognizer-402',
    'the same for lack of credit (402), for longer than the hub waits: the log gets a gap, which is filled later',
    (scene, backstage) => refused(scene, backstage, 402, 'gap'),
    impatient,
  ),
  ofRecognizer(
    'recognizer-403',
    'the same, because the key has no access to the model (403)',
    (scene, backstage) => refused(scene, backstage, 403, 'told'),
  ),
  ofRecognizer(
    'recognizer-slow',
    'for 4 s the recognizer reads at half the speed that the audio needs',
    async (scene, { recognizer }) => {
      recognizer.fault({ kind: 'slow-reader', bytesPerSecond: halfRate(scene) });
      await scene.wait(slowMs);
      await recognizer.clear();
    },
  ),
  ofRecognizer(
    'recognizer-away',
    'the recognizer accepts no connections for 4 s',
    async (scene, { recognizer }) => {
      recognizer.fault({ kind: 'away' });
      await scene.wait(awayMs);
      await recognizer.clear();
    },
  ),
  {
    name: 'hub-restart',
    about: 'the hub shuts down gracefully, and another one starts with the same transcripts',
    needs: 'local',
    process: 'own',
    strike: (_scene, { restartHub }) => restartHub(),
  },
  {
    name: 'hub-kill',
    about: 'the hub’s process is killed (SIGKILL), and another one starts with the same transcripts',
    needs: 'local',
    process: 'another',
    strike: (_scene, { restartHub }) => restartHub(),
  },
];

type Strike = (scene: Scene, backstage: Backstage) => Promise<void>;

function ofRecognizer(name: string, about: string, strike: Strike, changeHub?: ChangeHub): Scenario {
  return { name, about, needs: 'local', process: 'own', strike, ...(changeHub && { changeHub }) };
}

function loses(fault: Fault): Strike {
  return async (_scene, { recognizer }) => recognizer.fault(fault);
}
