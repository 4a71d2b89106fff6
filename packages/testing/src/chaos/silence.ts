/** A recognizer that takes audio and says nothing more, for ever: the hub has to notice, and to go on without it. */
import type { Status } from '@meetcast/protocol';
import type { Backstage } from './scenario.ts';
import type { Scene } from './scene.ts';
import { seconds } from './text.ts';

/** The protocol's bound [LOG3], from when somebody speaks and gets no answer. */
const alarmMs = 10_000;
/** For another stream, and what it says. */
const failoverMs = 10_000;

export async function silent(scene: Scene, { recognizerLink }: Backstage): Promise<void> {
  const { voices } = scene;
  const positions = voices.map((voice) => ({ voice, fromMs: voice.speaker.positionMs }));
  recognizerLink.silence();
  const from = performance.now();
  await scene.until(() => positions.every(({ voice, fromMs }) => voice.speaker.hasSpoken(fromMs)), alarmMs);
  const areAlarmed = await scene.until(() => voices.every((voice) => voice.isTold(isAlarm)), alarmMs);
  scene.expect(
    areAlarmed,
    `sender and viewer were not told within ${alarmMs / 1000} s that the recognizer is silent (degraded, asr_silent)`,
  );
  if (!areAlarmed) return;
  scene.heal();
  scene.notes.push(`the hub said after ${seconds(performance.now() - from)} that the recognizer is silent`);
  const areWell = await scene.until(() => voices.every((voice) => voice.isTold(isRecovery)), failoverMs);
  scene.expect(
    areWell,
    `sender and viewer were not told within ${failoverMs / 1000} s after that the recognizer is working again (recovered)`,
  );
}

export const isAlarm = ({ status, details }: Status): boolean =>
  status === 'degraded' && details?.cause === 'asr_silent';

export const isRecovery = ({ status, details }: Status): boolean =>
  status === 'recovered' && details?.part === 'recognizer';
