/** Speech whose second half no recognizer hears. */
import type { MeetingStats } from '@meetcast/protocol';
import { expect, vi } from 'vitest';
import type { Sender } from './peer.ts';
import { type Speech, speech, wordsIn } from './speech.ts';
import type { SenderOptions, Stage } from './start-hub.ts';

/** 16 kHz mono: the byte at which a time begins. */
export const bytesAt = (ms: number) => Math.round(ms * 16) * 2;

export type Halves = Speech & { readonly halfMs: number; readonly half: number };

/** Speech, and where its halves meet: between two phrases. */
export function inHalves(count: number, seed: number): Halves {
  const said = speech(count, seed);
  const half = said.times.findIndex(
    ({ startMs }, place) => place > count / 2 && startMs - (said.times[place - 1]?.endMs ?? 0) > 350,
  );
  const before = said.times[half - 1]?.endMs ?? Number.NaN;
  return { ...said, half, halfMs: Math.round((before + (said.times[half]?.startMs ?? 0)) / 2) };
}

/** A sender that has said the first half, all of which is stored. */
export async function saidTheFirstHalf(stage: Stage, said: Halves, who: SenderOptions): Promise<Sender> {
  const { meeting = 'm', source = 'mic' } = who;
  const before = wordsIn(await stage.transcript(meeting), source).length;
  const sender = await stage.sender(who);
  await sender.say(said.pcm.subarray(0, bytesAt(said.halfMs)));
  sender.send({ type: 'flush' });
  const stored = async () => wordsIn(await stage.transcript(meeting), source).length - before;
  await vi.waitFor(async () => expect(await stored()).toBe(said.half), { timeout: 60_000, interval: 5 });
  return sender;
}

/** The recognizer's streams fall silent, and there are no others. */
export function noneHears({ simulator }: Stage): void {
  simulator.fault({ kind: 'silence' });
  simulator.fault({ kind: 'refuse', status: 503 });
}

interface Sent extends Pick<SenderOptions, 'meeting' | 'source'> {
  /** Audio of the source, in milliseconds. */
  readonly ms: number;
}

/** It refuses for good, once the hub has received all that: what it had not read yet would be lost with the socket. */
export async function refuses(stage: Stage, status: 401 | 402 | 403, ...all: readonly Sent[]): Promise<void> {
  for (const { ms, meeting = 'm', source = 'mic' } of all) {
    const received = async () => {
      const { sources } = (await (await stage.get(`ws/meetings/${meeting}/stats`)).json()) as MeetingStats;
      return (sources[source]?.received_seconds ?? 0) * 1_000;
    };
    const isAll = async () => expect(await received()).toBeGreaterThanOrEqual(Math.floor(ms) - 1);
    await vi.waitFor(isAll, { timeout: 60_000, interval: 5 });
  }
  stage.simulator.fault({ kind: 'refuse', status });
}

/** A sender whose recognizer refuses for good after the first half was stored, and which has sent all since. */
export async function refusedInTheMiddle(
  stage: Stage,
  said: Halves,
  status: 401 | 402 | 403,
  who: SenderOptions = { session: 'one' },
): Promise<Sender> {
  const sender = await saidTheFirstHalf(stage, said, who);
  noneHears(stage);
  await sender.say(said.pcm.subarray(bytesAt(said.halfMs)));
  await refuses(stage, status, { ...who, ms: said.ms });
  expect(await sender.closed).toEqual({ code: 4010, reason: 'recognizer_unavailable' });
  return sender;
}
