/** Meetings of two sources and of two channels, whose every part fails at random places in their audio. */
import type { Fault } from '@meetcast/testing';
import { seeded } from '../../packages/server/test/support/random.ts';
import { each, type Rig, startRig } from './no-word-lost-rig.ts';

export interface StormRun {
  seed: number;
  /** How many words each speaker says. */
  words: number;
  /** How many faults come, one after the other, each before the one before it is over. */
  faults: number;
}

/** What a storm did, for the report of a failure. */
export type StormStory = string[];

const speedUp = 6;

/** Words said = stored = seen, or it throws. */
export async function weather({ seed, words, faults }: StormRun): Promise<StormStory> {
  const random = seeded(seed);
  const rig = await startRig({
    words,
    seed,
    shapes: ['two sources', 'stereo', 'apart'],
    recovery: { silentMs: 400, backoff: { minMs: 20, maxMs: 200 }, failuresBeforeProbing: 1_000 },
  });
  await each(rig, (meeting) => meeting.joined());
  const story: StormStory = [];
  const spoken = each(rig, (meeting) => meeting.speak(speedUp));
  const lengthMs = Math.min(...rig.meetings.flatMap(({ options }) => options.parts.map(({ ms }) => ms)));
  const places = Array.from({ length: faults }, () => random() * lengthMs).sort((one, other) => one - other);
  const troubles: Promise<void>[] = [];
  for (const place of places) {
    await each(rig, (meeting) => meeting.reached(place));
    troubles.push(hurt(rig, random, (what) => story.push(`${Math.round(place)} ms: ${what}`)));
  }
  await Promise.all([spoken, ...troubles]);
  try {
    await each(rig, (meeting) => meeting.finalize());
    await each(rig, (meeting) => meeting.expectWhole());
  } catch (error) {
    throw new Error(`${story.join('; ')}\n${String(error)}`, { cause: error });
  }
  return story;
}

const faultsNow: Fault[] = [
  { kind: 'fin' },
  { kind: 'rst' },
  { kind: 'silence' },
  { kind: 'close', code: 1000 },
  { kind: 'close', code: 1011 },
  { kind: 'close', code: 1012 },
];

/** One trouble, from its beginning to its end. */
async function hurt(rig: Rig, random: () => number, tell: (what: string) => void): Promise<void> {
  const { simulator, toRecognizer, toHubs } = rig;
  const oneOf = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const links = { recognizer: toRecognizer, hub: oneOf(toHubs) };
  const which = oneOf(['recognizer', 'hub'] as const);
  const link = links[which];
  const ms = 50 + Math.floor(random() * 900);
  const lasting = async (what: string, begin: () => void, end: () => void) => {
    tell(`${what} for ${ms} ms`);
    begin();
    await new Promise((resolve) => setTimeout(resolve, ms));
    end();
  };
  const kinds = [
    () => {
      const fault = oneOf(faultsNow);
      tell(JSON.stringify(fault));
      simulator.fault(fault);
    },
    () => {
      const times = 1 + Math.floor(random() * 4);
      tell(`429, ${times} times`);
      simulator.fault({ kind: 'refuse', status: 429, times });
      simulator.fault({ kind: 'rst' });
    },
    () => {
      const bytes = Math.floor(random() * 2_000);
      tell(`the ${which}'s link is cut after ${bytes} bytes`);
      link.cutAfter(bytes);
    },
    () => {
      tell(`the ${which}'s link is reset`);
      link.drop('rst');
    },
    () =>
      lasting(
        `the ${which} is away`,
        () => link.refuse(true),
        () => link.refuse(false),
      ),
    () =>
      lasting(
        `the ${which}'s link stalls`,
        () => link.stall(true),
        () => link.stall(false),
      ),
    () =>
      lasting(
        `the ${which}'s link is slow`,
        () => link.delay(20),
        () => link.delay(0),
      ),
  ];
  await oneOf(kinds)();
}
