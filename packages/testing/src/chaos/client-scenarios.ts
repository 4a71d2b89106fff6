/** Faults between a client and any hub. */
import { closeCodes } from '@meetcast/protocol';
import type { Scenario } from './scenario.ts';
import type { Scene } from './scene.ts';
import { bytesPerSecond } from './script.ts';
import { inTime } from './seen.ts';
import type { Voice } from './voice.ts';

const awayMs = 1_500;
const badMs = 4_000;
const lateMs = 400;
/** For what a hub decides at once, unless it asks to be called again in some seconds. */
const decisionMs = 20_000;
/** The longest a token may outlive its time: clocks differ. */
const expiryMs = 30_000;

/** Half of what the audio of one source needs: everybody falls behind. */
export const halfRate = ({ format, speed }: Scene): number => (bytesPerSecond(format) * speed) / 2;

export const clientScenarios: readonly Scenario[] = [
  {
    name: 'drop',
    about: 'sender and viewer are disconnected (FIN) and cannot reconnect for 1.5 s',
    needs: 'hub',
    strike: (scene) => dropped(scene, 'fin'),
  },
  {
    name: 'reset',
    about: 'the same with a reset (RST)',
    needs: 'hub',
    strike: (scene) => dropped(scene, 'rst'),
  },
  {
    name: 'half-open',
    about: 'their connections hang: bytes go in, and none come out; new connections work',
    needs: 'hub',
    strike: async ({ proxy }) => {
      proxy.silence();
    },
  },
  {
    name: 'slow',
    about: 'for 4 s the network carries half of what the audio needs',
    needs: 'hub',
    strike: async (scene) => {
      scene.proxy.slow(halfRate(scene));
      await scene.wait(badMs);
      scene.proxy.mend();
    },
  },
  {
    name: 'delayed',
    about: 'for 4 s everything takes 400 ms longer, each way',
    needs: 'hub',
    strike: async (scene) => {
      scene.proxy.delay(lateMs);
      await scene.wait(badMs);
      scene.proxy.mend();
    },
  },
  {
    name: 'expired-token',
    about: 'the tokens of sender and viewer expire without renewal: closed with 4005, back with fresh ones',
    needs: 'secret',
    strike: async (scene) => {
      await scene.until(() => scene.expired > 0, expiryMs);
      scene.hurt();
      const links = scene.voices.length + 1;
      const areExpired = await scene.until(() => scene.expired >= links, expiryMs);
      scene.expect(areExpired, 'a link with an expired token was not closed with 4005');
    },
  },
  {
    name: 'duplicate',
    about: 'a second sender of the same source is refused with 4002, and the first goes on undisturbed',
    needs: 'hub',
    strike: (scene) => forEach(scene, duplicate),
  },
  {
    name: 'takeover',
    about: 'the same session connects again: it takes over, and the first is closed with 4009',
    needs: 'hub',
    strike: (scene) => forEach(scene, takeOver),
  },
];

async function dropped(scene: Scene, how: 'fin' | 'rst'): Promise<void> {
  scene.proxy.drop(how);
  scene.proxy.refuse(true);
  await scene.wait(awayMs);
  scene.proxy.mend();
}

async function forEach(scene: Scene, act: (scene: Scene, voice: Voice) => Promise<void>): Promise<void> {
  await Promise.all(scene.voices.map((voice) => act(scene, voice)));
}

async function duplicate(scene: Scene, voice: Voice): Promise<void> {
  const rival = scene.rival(voice);
  const { losses, sender, source } = voice;
  try {
    await scene.until(() => rival.connection === 'connected' || rival.connection === 'failed', decisionMs);
    const isAlone = rival.connection === 'failed';
    const { code } = isAlone ? await rival.closed : { code: 0 };
    scene.expect(isAlone, `a second sender of ${source} was not refused`);
    scene.expect(
      !isAlone || code === closeCodes.ingest_exists.code,
      `a second sender of ${source} was refused with ${code}, not 4002`,
    );
    const isUndisturbed = voice.losses === losses && sender.connection === 'connected';
    scene.expect(isUndisturbed, `the first sender of ${source} was disturbed by a second one`);
  } finally {
    rival.close();
  }
}

async function takeOver(scene: Scene, voice: Voice): Promise<void> {
  const { sender: first, source } = voice;
  const rival = scene.rival(voice, first.sessionId);
  const isIn = await scene.until(() => rival.connection === 'connected', decisionMs);
  scene.expect(isIn, `the same session of ${source} was not let in on a second connection`);
  if (!isIn) return rival.close();
  voice.handOver(rival);
  await inTime(decisionMs, first.closed);
  const end = first.connection === 'failed' ? await first.closed : undefined;
  const isTold = end?.code === closeCodes.superseded.code;
  scene.expect(
    isTold,
    `the older connection of ${source} was closed with ${end?.code ?? 'nothing'}, not 4009`,
  );
}
