// A recognizer that is lost in mid-meeting, through the real SDK: words said = stored = seen, where they were said.
import type { Fault, StreamFault } from '@meetcast/testing';
import { describe, expect, test, vi } from 'vitest';
import type { Rig } from '../support/no-word-lost-rig.ts';
import {
  betweenWordsMs,
  inWordMs,
  isLong,
  midway,
  passSeconds,
  short,
  soon,
  streams,
  tell,
} from '../support/no-word-lost-story.ts';

const faults: StreamFault[] = [
  { kind: 'fin' },
  { kind: 'rst' },
  { kind: 'close', code: 1011 },
  { kind: 'close', code: 1012 },
  { kind: 'close', code: 1000 },
];

describe('the recognizer ends the stream', () => {
  test.each(
    faults.flatMap((fault) =>
      (['in a word', 'between words'] as const).map((where) => ({ ...fault, where })),
    ),
  )('[ING10] $kind $code $where', async ({ where, ...fault }) => {
    const afterAudioMs = where === 'in a word' ? inWordMs : betweenWordsMs;
    const { simulator } = await tell({
      before: (simulator) => simulator.fault({ ...fault, afterAudioMs, times: streams } as Fault),
    });
    expect(simulator.streams.length).toBe(2 * streams);
    const cut = simulator.streams
      .slice(0, streams)
      .map(({ audioSeconds }) => Math.round(audioSeconds * 1000));
    expect(cut).toEqual(Array.from(cut, () => afterAudioMs));
  });
});

describe('the recognizer is away', () => {
  test('[ING10] for a while it has too many streams, at the start and in mid-meeting', async () => {
    const { simulator } = await tell({
      before: (simulator) => simulator.fault({ kind: 'refuse', status: 429, times: 2 * streams }),
      // A sender is accepted before its stream is.
      async met({ simulator }) {
        await vi.waitFor(() => expect(simulator.streams.length).toBe(streams), soon);
      },
      async during(rig) {
        await midway(rig);
        rig.simulator.fault({ kind: 'refuse', status: 429, times: 2 * streams });
        rig.simulator.fault({ kind: 'rst' });
      },
    });
    expect(simulator.refused.map(({ status }) => status)).toEqual(Array(4 * streams).fill(429));
  });

  test('[ING15] finalize while it is away: ended comes after the words', { timeout: 120_000 }, async () => {
    await tell({
      options: short,
      async during(rig) {
        await midway(rig);
        rig.toRecognizer.refuse(true);
      },
      async after({ meetings, toRecognizer }) {
        const voices = meetings.flatMap((meeting) => meeting.voices);
        // What they are told of the recognizer may come after it.
        const told = () => voices.map(({ statuses }) => statuses.some(({ status }) => status === 'ending'));
        await vi.waitFor(() => expect(told()).toEqual(voices.map(() => true)), soon);
        // A while in which nobody may say that it is over.
        await passSeconds(isLong ? 30 : 1);
        expect(
          meetings.flatMap(({ statuses }) => statuses).filter(({ status }) => status === 'ended'),
        ).toEqual([]);
        toRecognizer.refuse(false);
      },
    });
  });
});

describe('the recognizer refuses for good', () => {
  const causes = [
    [401, 'Deepgram refused the stream (401, Invalid credentials): check DEEPGRAM_API_KEY.'],
    [402, 'Deepgram refused the stream (402, Project does not have enough credits'],
    [403, 'Deepgram refused the stream (403, Project does not have access to the requested model): '],
  ] as const;
  const voicesOf = ({ meetings }: Rig) => meetings.flatMap((meeting) => meeting.voices);
  const expectTold = (rig: Rig, why: string) =>
    vi.waitFor(() => {
      for (const { errors, breaks } of voicesOf(rig)) {
        expect(errors.at(-1)).toContain(why);
        expect(breaks.at(-1)).toContain(why);
      }
    }, soon);

  test.each(causes)(
    '[ING3] %i at the start: the sender is told why, and keeps its audio',
    async (status, why) => {
      await tell({
        areAwaited: false,
        before: (simulator) => simulator.fault({ kind: 'refuse', status }),
        async during(rig) {
          await midway(rig);
          await expectTold(rig, why);
          await rig.simulator.clear();
        },
      });
    },
  );

  test.each(causes)(
    '[ING12] %i in mid-meeting: the sender is told why, and sends it again',
    async (status, why) => {
      await tell({
        async during(rig) {
          await midway(rig);
          rig.simulator.fault({ kind: 'refuse', status });
          rig.simulator.fault({ kind: 'fin' });
          await expectTold(rig, why);
          await rig.simulator.clear();
        },
      });
    },
  );
});
