/** What happens to a meeting of each shape, from its first word to its end. */
import type { DeepgramSimulator } from '@meetcast/testing';
import { placeMs, shapes, streamsOf } from './no-word-lost.ts';
import { each, type Rig, type RigOptions, rigDefaults, startRig } from './no-word-lost-rig.ts';

/** `pnpm prove faults`: outages of up to 90 s, at the pace of life and of Deepgram. */
export const isLong = process.env.MEETCAST_FAULT_LONG !== undefined;

/** How many recognizer streams the meetings of a rig have together. */
export const streams = shapes.reduce((sum, shape) => sum + streamsOf[shape], 0);

export const soon = { timeout: 60_000, interval: 10 };

export interface Story {
  options?: RigOptions;
  speedUp?: number;
  /** Whether the senders are accepted before they speak. */
  areAwaited?: boolean;
  /** Before anybody comes. */
  before?(simulator: DeepgramSimulator): void;
  /** After they were accepted, before they speak. */
  met?(rig: Rig): Promise<void>;
  /** While they speak. */
  during?(rig: Rig): Promise<void>;
  /** After they have said that there is no more. */
  after?(rig: Rig): Promise<void>;
}

/** Words said = stored = seen, in each meeting. */
export async function tell({ options = {}, speedUp = 10, areAwaited = true, ...story }: Story): Promise<Rig> {
  const rig = await startRig({ ...options, before: story.before });
  await each(rig, (meeting) => meeting.joined(areAwaited ? 'everybody' : 'viewer'));
  await story.met?.(rig);
  const spoken = each(rig, (meeting) => meeting.speak(speedUp));
  await story.during?.(rig);
  await spoken;
  const finalized = each(rig, (meeting) => meeting.finalize());
  await story.after?.(rig);
  await finalized;
  await each(rig, (meeting) => meeting.expectWhole());
  return rig;
}

const { words, seed } = rigDefaults;
export const inWordMs = placeMs(words, seed, 'in a word');
export const betweenWordsMs = placeMs(words, seed, 'between words');

/** Resolves when everybody is in the middle of it. */
export const midway = (rig: Rig) => each(rig, (meeting) => meeting.reached(inWordMs));

/** How long an outage lasts. */
export const passSeconds = (seconds: number) =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1_000));

const long: RigOptions = { pace: 1.25, recovery: { replayPace: 1.25 } };
/** Nobody waits long, so that a test does not. */
export const short: RigOptions = {
  recovery: { replayPace: Number.POSITIVE_INFINITY, backoff: { maxMs: 500 }, failuresBeforeProbing: 1_000 },
};
/** Of speech with its pauses. */
const msPerWord = 460;

/** Enough to say before, during and after an outage. */
export function through(seconds: number, shortSpeedUp = 4): Pick<Story, 'speedUp' | 'options'> {
  const speedUp = isLong ? 1 : shortSpeedUp;
  const saidMs = inWordMs + seconds * speedUp * 1_000 + 4_000;
  return { speedUp, options: { ...(isLong ? long : short), words: Math.ceil(saidMs / msPerWord) } };
}
