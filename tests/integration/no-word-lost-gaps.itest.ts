// Audio that nobody can hear any more: the log says so, and every word is in it or in a gap.
import { expect, test, vi } from 'vitest';
import type { Meeting } from '../support/no-word-lost.ts';
import { each, startRig } from '../support/no-word-lost-rig.ts';
import { midway, passSeconds, short, soon, tell } from '../support/no-word-lost-story.ts';

const sourcesOf = ({ voices }: Meeting) => voices.map(({ part }) => part.source);

test('[ING10] the recognizer is away for longer than the hub keeps audio: the senders keep the rest', {
  timeout: 180_000,
}, async () => {
  await tell({
    speedUp: 4,
    options: { words: 50, recovery: { ...short.recovery, memoryMs: 1_000, keptMs: 3_000 } },
    async during(rig) {
      await midway(rig);
      rig.toRecognizer.refuse(true);
      await passSeconds(2);
      rig.toRecognizer.refuse(false);
    },
  });
});

test('[LOG10] it refuses for good, and the senders do not come back', { timeout: 180_000 }, async () => {
  const rig = await startRig({ limits: { graceMs: 200 } });
  await each(rig, (meeting) => meeting.joined());
  const spoken = each(rig, (meeting) => meeting.speak(10));
  await midway(rig);
  rig.simulator.fault({ kind: 'refuse', status: 402 });
  rig.simulator.fault({ kind: 'fin' });
  await each(rig, async (meeting) => {
    for (const { errors } of meeting.voices)
      await vi.waitFor(() => expect(errors.length).toBeGreaterThan(0), soon);
  });
  await spoken;
  for (const { publisher } of rig.meetings.flatMap(({ voices }) => voices)) publisher.close();
  await each(rig, async (meeting) => {
    await vi.waitFor(() => expect(meeting.statuses.at(-1)?.status).toBe('idle'), soon);
    const gaps = await meeting.expectToldGaps();
    expect(gaps.map(({ source }) => source).toSorted()).toEqual(sourcesOf(meeting));
    for (const { cause } of gaps) expect(cause).toBe('recognizer_unavailable');
  });
});
