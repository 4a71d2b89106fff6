// Outages that last, of the recognizer and of the senders' links: words said = stored = seen, where they were said.
import { describe, expect, test } from 'vitest';
import { livedTime } from '../support/lived-time.ts';
import { isLong, midway, passSeconds, streams, tell, through } from '../support/no-word-lost-story.ts';

describe('the recognizer cannot be reached', () => {
  test.each(isLong ? [1, 5, 30, 90] : [1, 5])('[ING10] for %i s', { timeout: 400_000 }, async (seconds) => {
    const { simulator } = await tell({
      ...through(seconds),
      async during(rig) {
        await midway(rig);
        rig.toRecognizer.refuse(true);
        await passSeconds(seconds);
        rig.toRecognizer.refuse(false);
      },
    });
    expect(simulator.streams.length).toBe(2 * streams);
  });

  test.each([429, 503] as const)(
    '[ING10] it refuses everybody with %i for long',
    { timeout: 400_000 },
    async (status) => {
      const seconds = isLong ? 60 : 5;
      const { simulator } = await tell({
        ...through(seconds),
        async during(rig) {
          await midway(rig);
          rig.simulator.fault({ kind: 'refuse', status });
          rig.simulator.fault({ kind: 'fin' });
          await passSeconds(seconds);
          await rig.simulator.clear();
        },
      });
      expect(simulator.refused.length).toBeGreaterThan(streams);
    },
  );
});

test('[ING10] half-open: an alarm within ten seconds, and another stream', { timeout: 180_000 }, async () => {
  let fellSilentAt = 0;
  const lived = livedTime();
  const { simulator, meetings } = await tell({
    ...through(9, 1.5),
    async during(rig) {
      await midway(rig);
      fellSilentAt = performance.now();
      rig.simulator.fault({ kind: 'silence' });
    },
  });
  expect(simulator.streams.length).toBe(2 * streams);
  for (const { id, voices, statuses } of meetings) {
    for (const { part, ...voice } of voices) {
      const ofIt = ({ details }: (typeof statuses)[number]) =>
        details?.source === part.source && details?.part === 'recognizer';
      for (const told of [statuses, voice.statuses]) {
        const news = told.filter(ofIt);
        expect(
          news.map(({ status }) => status),
          id,
        ).toEqual(['degraded', 'recovered']);
        expect(news[0]?.details?.cause).toBe('asr_silent');
        expect(lived(fellSilentAt, news[0]?.at ?? Number.NaN)).toBeLessThan(10_000);
      }
    }
  }
});

test.each(isLong ? [1, 10, 60] : [1])(
  '[ING12] the links of all senders and viewers are down for %i s',
  { timeout: 400_000 },
  async (seconds) => {
    const { meetings } = await tell({
      ...through(seconds),
      async during(rig) {
        await midway(rig);
        for (const link of rig.toHubs) link.refuse(true);
        await passSeconds(seconds);
        for (const link of rig.toHubs) link.refuse(false);
      },
    });
    for (const { voices } of meetings) for (const { breaks } of voices) expect(breaks).not.toEqual([]);
  },
);
