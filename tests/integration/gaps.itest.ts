// Audio that was received and has no words: the log says where, why, and which words fill it later.
import { randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyEvent, emptyTranscript } from '@meetcast/client';
import type { Gap, MeetingStats } from '@meetcast/protocol';
import { memoryRegistry, type Registry } from '@meetcast/server';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Sender } from '../support/peer.ts';
import { bytesAt, inHalves, refusedInTheMiddle } from '../support/refused-speech.ts';
import { expectTimes, expectUnbroken, expectWords, type Speech, speech, wordsIn } from '../support/speech.ts';
import { handshakeOf, type Stage, type StageOptions, startHub, unhurried } from '../support/start-hub.ts';

const done = { code: 1000, reason: 'done' };
/** What is far ahead of the recognizer is read in real time. */
const later = { timeout: 60_000, interval: 20 };
const soon = { timeout: 60_000, interval: 5 };
const recovery = { replayPace: Number.POSITIVE_INFINITY, silentMs: 1_000 };
const short: StageOptions = { recovery, limits: { ...unhurried, graceMs: 150 } };

const statsOf = async (stage: Stage) =>
  (await (await stage.get('ws/meetings/m/stats')).json()) as MeetingStats;

async function comeBack(stage: Stage, said: Speech, toMs = said.ms): Promise<Sender> {
  await stage.simulator.clear();
  const back = await stage.sender({ session: 'one', resume: true });
  const { resume_from_ms: fromMs = Number.NaN } = await back.until('handshake_ack');
  await back.say(said.pcm.subarray(bytesAt(fromMs), bytesAt(toMs)));
  return back;
}

describe('[LOG10] a recognizer that refuses for good in mid-meeting', () => {
  test.each([
    [401, 'Deepgram refused the stream (401, '],
    [402, 'Deepgram refused the stream (402, '],
    [403, 'Deepgram refused the stream (403, '],
  ] as const)(
    '%i: the sender is told why, and if it stays away the log says what is missing',
    async (status, why) => {
      const stage = await startHub(short);
      const viewer = await stage.viewer();
      const said = inHalves(20, 61);
      const sender = await refusedInTheMiddle(stage, said, status);
      const errors = sender.of('error');
      expect(errors.map(({ code }) => code)).toEqual(['recognizer_unavailable']);
      expect(errors[0]?.message.startsWith(why)).toBe(true);
      const idle = await viewer.status('idle');
      const [gap, ...others] = viewer.of('gap');
      expect(others).toEqual([]);
      expect(gap).toMatchObject({ source: 'mic', cause: 'recognizer_unavailable' });
      // From the last stored word to the last sample.
      const [lastMs = 0, nextMs = 0] = [said.times[said.half - 1]?.endMs, said.times[said.half]?.startMs];
      expect(gap?.start_ms).toBeGreaterThan(lastMs - 20);
      expect(gap?.start_ms).toBeLessThanOrEqual(nextMs);
      expect(gap?.end_ms).toBe(Math.floor(said.ms));
      expect(gap?.start_ms).toBe(sender.of('ack').at(-1)?.durable_ms);
      expect(idle.seq).toBe((gap?.seq ?? 0) + 1);
      await expectWords(stage, { mic: said.words.slice(0, said.half) }, { viewers: [viewer] });
      const { mic } = (await statsOf(stage)).sources;
      expect(mic?.received_seconds).toBeCloseTo(said.ms / 1000, 3);
      expect(mic?.covered_seconds).toBeCloseTo((gap?.start_ms ?? 0) / 1000, 3);
    },
  );

  test('a sender that comes back in time leaves no gap', async () => {
    const stage = await startHub({ recovery });
    const viewer = await stage.viewer();
    const said = inHalves(20, 62);
    await refusedInTheMiddle(stage, said, 402);
    const back = await comeBack(stage, said);
    expect(await back.finalize()).toEqual(done);
    await viewer.status('ended');
    await stage.hub.close();
    expect(viewer.of('gap')).toEqual([]);
    expect(wordsIn(viewer.finals, 'mic')).toEqual(said.words);
    expectTimes(viewer.finals, 'mic', said);
    expectUnbroken(viewer);
    expect(viewer.finals.map(({ repairs }) => repairs)).toEqual(viewer.finals.map(() => undefined));
  });

  test('[LOG6] one that comes back later fills it, and what it says after it fills nothing', async () => {
    const stage = await startHub(short);
    const viewer = await stage.viewer();
    const said = inHalves(20, 63);
    await refusedInTheMiddle(stage, said, 402);
    await viewer.status('idle');
    const [gap] = viewer.of('gap');
    const back = await comeBack(stage, said);
    const after = speech(6, 64);
    await back.say(after.pcm);
    expect(await back.finalize()).toEqual(done);
    await viewer.status('ended');
    const finals = await expectWords(stage, { mic: [...said.words, ...after.words] }, { viewers: [viewer] });
    expect(viewer.of('gap')).toHaveLength(1);
    for (const final of finals) {
      const isInIt = final.start_ms < (gap?.end_ms ?? 0) && final.end_ms > (gap?.start_ms ?? 0);
      expect(final.repairs, final.text).toBe(isInIt ? gap?.seq : undefined);
    }
    const repaired = finals.filter(({ repairs }) => repairs !== undefined);
    expect(wordsIn(repaired, 'mic')).toEqual(said.words.slice(said.half));
    const { mic } = (await statsOf(stage)).sources;
    expect(mic?.covered_seconds).toBeCloseTo((said.ms + after.ms) / 1000, 2);
    // What a viewer's screen shows is the words, each once.
    const shown = viewer.messages.reduce(
      (transcript, message) => applyEvent(transcript, message as Parameters<typeof applyEvent>[1]),
      emptyTranscript,
    );
    expect(wordsIn(shown.finals, 'mic')).toEqual([...said.words, ...after.words]);
    expect(shown.partials).toEqual([]);
  });

  test('[ING20] tries that are refused meanwhile do not hide it', async () => {
    const stage = await startHub({ recovery, limits: { ...unhurried, graceMs: 3_000 } });
    const viewer = await stage.viewer();
    const said = inHalves(20, 65);
    await refusedInTheMiddle(stage, said, 401);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const stranger = await stage.stranger();
      stranger.send(handshakeOf({ session: 'one', resume: true }));
      expect((await stranger.closed).code).toBe(4010);
    }
    await viewer.status('idle');
    expect(viewer.of('gap').map(({ end_ms }) => end_ms)).toEqual([Math.floor(said.ms)]);
    const back = await comeBack(stage, said);
    expect(await back.finalize()).toEqual(done);
    await expectWords(stage, { mic: said.words });
  });

  test('one that comes back in time, sends a part of it again and is gone: the gap is the rest', async () => {
    const stage = await startHub({ recovery, limits: { ...unhurried, graceMs: 6_000 } });
    const viewer = await stage.viewer();
    const said = inHalves(24, 66);
    await refusedInTheMiddle(stage, said, 402);
    const toMs = said.times[said.half + 3]?.endMs ?? Number.NaN;
    const back = await comeBack(stage, said, toMs);
    await back.received(toMs);
    back.vanish();
    const idle = await viewer.status('idle');
    expect(viewer.of('gap')).toMatchObject([
      { source: 'mic', end_ms: Math.floor(said.ms), cause: 'not_sent_again' },
    ]);
    // With the word that may have been cut in two.
    const fromMs = viewer.of('gap')[0]?.start_ms;
    expect(fromMs).toBeGreaterThan((said.times[said.half + 2]?.endMs ?? Number.NaN) - 20);
    expect(fromMs).toBeLessThan((said.times[said.half + 3]?.startMs ?? Number.NaN) + 20);
    expect(idle.seq).toBe(viewer.seqs.at(-1));
  });
});

test('[LOG10] a hub that fails at its own work leaves a gap too', async () => {
  const inner = memoryRegistry();
  const registry: Registry = {
    ...inner,
    numbering: async () => ({
      next() {
        throw new Error('out of numbers');
      },
    }),
  };
  const stage = await startHub({ ...short, registry });
  const viewer = await stage.viewer();
  const said = speech(6, 67);
  const sender = await stage.sender();
  await sender.say(said.pcm);
  expect(await sender.closed).toEqual({ code: 1011, reason: 'internal_error' });
  await viewer.status('idle');
  expect(viewer.of('gap').map(({ start_ms, cause }) => [start_ms, cause])).toEqual([[0, 'hub_failed']]);
});

test('[LOG10] audio that was kept as long as the bound allows: a gap, and the meeting goes on after it', async () => {
  const bounds = { memoryMs: 2_000, keptMs: 2_000, backoff: { maxMs: 20 }, probeMs: 20 };
  const stage = await startHub({ recovery: { ...recovery, ...bounds } });
  const viewer = await stage.viewer();
  const said = speech(16, 68);
  const sender = await stage.sender();
  stage.simulator.fault({ kind: 'away' });
  await sender.say(said.pcm);
  await sender.received(said.ms);
  await stage.simulator.clear();
  const gap: Gap = await viewer.until('gap');
  expect(gap).toMatchObject({ source: 'mic', start_ms: 0, cause: 'recognizer_unavailable' });
  expect(gap.end_ms).toBeGreaterThan(said.ms - 3_100);
  expect(gap.end_ms).toBeLessThan(said.ms);
  expect(await sender.finalize()).toEqual(done);
  // Nobody has to keep that audio any longer.
  expect(sender.of('ack').at(-1)?.durable_ms).toBe(Math.floor(said.ms));
  const ended = await viewer.status('ended');
  const whole = said.words.filter((_, place) => (said.times[place]?.startMs ?? 0) >= gap.end_ms);
  const stored = wordsIn(await stage.transcript(), 'mic');
  expect(stored.slice(-whole.length)).toEqual(whole);
  expect(stored.length - whole.length).toBeLessThanOrEqual(1);
  const coverage = (ended.details?.coverage ?? {}) as Record<string, Record<string, number>>;
  expect(coverage.mic?.received_ms).toBe(Math.floor(said.ms));
  expect(coverage.mic?.covered_ms).toBeCloseTo(said.ms - gap.end_ms, -1);
});

test.skipIf(process.platform !== 'linux')(
  '[ING18] what is off the record is in no stream of the recognizer, and in no file of the hub',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'meetcast-ring-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const recovery = {
      memoryMs: 1_000,
      keptMs: 60_000,
      folder,
      backoff: { minMs: 5, maxMs: 20 },
      replayPace: 100,
    };
    const stage = await startHub({ recovery });
    const viewer = await stage.viewer();
    const [before, after] = [speech(4, 69), speech(10, 71)];
    const secret = randomBytes(bytesAt(2_000));
    const sender = await stage.sender();
    stage.simulator.fault({ kind: 'away' });
    await sender.say(before.pcm);
    sender.send({ type: 'off_record', on: true });
    await sender.say(secret);
    sender.send({ type: 'off_record', on: false });
    await sender.say(after.pcm);
    const has = async (pcm: Buffer, ms: number) =>
      (await spooled(folder)).includes(pcm.subarray(bytesAt(ms), bytesAt(ms + 100)));
    // What came before and right after is there, once it no longer fits into the memory.
    await vi.waitFor(async () => {
      expect(await has(before.pcm, 500)).toBe(true);
      expect(await has(after.pcm, 500)).toBe(true);
    }, later);
    for (let ms = 0; ms < 2_000; ms += 100) expect(await has(secret, ms)).toBe(false);
    await stage.simulator.clear();
    expect(await sender.finalize()).toEqual(done);
    await viewer.status('ended');
    await expectWords(stage, { mic: [...before.words, ...after.words] }, { viewers: [viewer] });
    const heardBytes = stage.simulator.streams.reduce((sum, { audioBytes }) => sum + audioBytes, 0);
    expect(heardBytes).toBe(before.pcm.length + after.pcm.length);
    await vi.waitFor(async () => expect(await spooled(folder)).toEqual(Buffer.alloc(0)), soon);
  },
);

/** What the files of a folder hold that this process has open: they have no name any more. */
async function spooled(folder: string): Promise<Buffer> {
  const handles = readdirSync('/proc/self/fd').map((name) => `/proc/self/fd/${name}`);
  const isInside = (handle: string) => {
    try {
      return readlinkSync(handle).startsWith(folder);
    } catch {
      return false; // It was that of the list itself.
    }
  };
  return Buffer.concat(await Promise.all(handles.filter(isInside).map((handle) => readFile(handle))));
}
