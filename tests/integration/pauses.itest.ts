/** A link that falls silent within a word, and is noticed late: the hub has asked for the words of what came by then. */
import { expect, test, vi } from 'vitest';
import { expectTimes, expectWords, speech } from '../support/speech.ts';
import { startHub } from '../support/start-hub.ts';

const soon = { timeout: 30_000, interval: 20 };
/** 16 kHz mono: the byte at which a time begins. */
const bytesAt = (ms: number) => Math.round(ms * 16) * 2;

const cuts = [3, 4, 5].flatMap((place) => [20, 36, 52, 68, 84, 100].map((intoMs) => ({ place, intoMs })));

test('[ING12] the beginning of a word that was heard as nothing is still its sender’s to send again', async () => {
  const stage = await startHub();
  const said = speech(10, 16);
  const speakUpTo = async ({ place, intoMs }: (typeof cuts)[number], meeting: string) => {
    const old = await stage.sender({ session: 'one', meeting });
    const cut = (said.times[place]?.startMs ?? 0) + intoMs;
    await old.say(said.pcm.subarray(0, bytesAt(cut)));
    await old.received(cut);
    return old;
  };
  const meetings = cuts.map((_, index) => `m-${index}`);
  const senders = await Promise.all(cuts.map((cut, index) => speakUpTo(cut, meetings[index] ?? '')));
  const areAsked = () => stage.simulator.streams.every(({ texts }) => texts.join('').includes('Finalize'));
  await vi.waitFor(() => expect(areAsked()).toBe(true), soon);
  // Whatever the recognizer said to that is acknowledged by now.
  const acks = senders.map((sender) => sender.of('ack').length);
  for (const [index, sender] of senders.entries())
    await vi.waitFor(() => expect(sender.of('ack').length).toBeGreaterThan((acks[index] ?? 0) + 1), soon);
  for (const meeting of meetings) {
    const next = await stage.sender({ session: 'one', resume: true, meeting });
    const { resume_from_ms: fromMs = Number.NaN } = await next.until('handshake_ack');
    await next.say(said.pcm.subarray(bytesAt(fromMs)));
    expect((await next.finalize()).code).toBe(1000);
    expectTimes(await expectWords(stage, { mic: said.words }, { meeting }), 'mic', said);
  }
});
