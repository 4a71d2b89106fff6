// Audio that nobody could hear and the hub still has: it is heard later, and its words fill the gap.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Gap, MeetingStats, TranscriptFinal } from '@meetcast/protocol';
import type { HubEvent } from '@meetcast/server';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { putForward } from '../support/lived-time.ts';
import type { Sender, Viewer } from '../support/peer.ts';
import {
  bytesAt,
  inHalves,
  noneHears,
  refusedInTheMiddle,
  refuses,
  saidTheFirstHalf,
} from '../support/refused-speech.ts';
import {
  expectSegmentRule,
  expectTimes,
  expectUnbroken,
  type Speech,
  speech,
  wordsIn,
} from '../support/speech.ts';
import { mintToken, type Stage, type StageOptions, startHub, unhurried } from '../support/start-hub.ts';

const done = { code: 1000, reason: 'done' };
const soon = { timeout: 60_000, interval: 10 };
const recovery = { replayPace: Number.POSITIVE_INFINITY, silentMs: 500 };
const unheard = { backoff: { minMs: 30, maxMs: 60 } };
const limits = { ...unhurried, graceMs: 100 };
const options: StageOptions = { recovery, limits, unheard };

type Kept = Extract<HubEvent, { type: 'unheard' }>;

const fates = (stage: Stage) =>
  stage.observed.filter((event): event is Kept => event.type === 'unheard').map(({ state }) => state);

const bySpoken = (finals: readonly TranscriptFinal[]) =>
  [...finals].sort((a, b) => a.start_ms - b.start_ms || a.seq - b.seq);

/** Every word of the source once, in the order and at the time in which it was said. */
async function expectSaid(stage: Stage, said: Speech, source: 'mic' | 'system' = 'mic', meeting = 'm') {
  const finals = bySpoken(await stage.transcript(meeting)).filter(({ meta }) => meta?.source === source);
  expect(wordsIn(finals, source)).toEqual(said.words);
  expectTimes(finals, source, said);
  return finals;
}

/** Finals fill the gap if they are in it, and only then. */
function expectRepairs(finals: readonly TranscriptFinal[], gap: Gap): void {
  for (const final of finals) {
    const isInIt = final.start_ms < gap.end_ms && final.end_ms > gap.start_ms;
    expect(final.repairs, final.text).toBe(isInIt ? gap.seq : undefined);
  }
}

const heard = (stage: Stage, times = 1) =>
  vi.waitFor(() => expect(fates(stage).filter((state) => state === 'heard')).toHaveLength(times), soon);

const gapTold = (viewer: Viewer): Promise<Gap> => viewer.until('gap');

async function backFrom(
  stage: Stage,
  pcm: Buffer,
  session = 'one',
): Promise<{ back: Sender; fromMs: number }> {
  const back = await stage.sender({ session, resume: true });
  const { resume_from_ms: fromMs = Number.NaN } = await back.until('handshake_ack');
  await back.say(pcm.subarray(bytesAt(fromMs)));
  return { back, fromMs };
}

describe('[LOG10, LOG6] audio that a refusal left unheard', () => {
  test('is heard when the recognizer is well again: each word once, as a repair of its gap', async () => {
    const stage = await startHub(options);
    const viewer = await stage.viewer();
    const said = inHalves(20, 81);
    await refusedInTheMiddle(stage, said, 401, {});
    const gap = await gapTold(viewer);
    expect(gap).toMatchObject({
      source: 'mic',
      cause: 'recognizer_unavailable',
      end_ms: Math.floor(said.ms),
    });
    await viewer.status('idle');
    expect(fates(stage)).toEqual(['kept']);
    await stage.simulator.clear();
    await heard(stage);
    const finals = await expectSaid(stage, said);
    expectRepairs(finals, gap);
    expect(
      wordsIn(
        finals.filter(({ repairs }) => repairs === gap.seq),
        'mic',
      ),
    ).toEqual(said.words.slice(said.half));
    expectUnbroken(viewer);
    expectSegmentRule(viewer.messages);
    // Nothing of it was shown before it was stored.
    const late = new Set(viewer.finals.filter(({ repairs }) => repairs).map(({ segment_no }) => segment_no));
    expect(viewer.of('transcript.partial').filter(({ segment_no }) => late.has(segment_no))).toEqual([]);
    const { mic } = ((await (await stage.get('ws/meetings/m/stats')).json()) as MeetingStats).sources;
    expect(mic?.covered_seconds).toBeCloseTo(said.ms / 1000, 2);
    const metrics = await (await stage.get('metrics')).text();
    expect(metrics).toContain('meetcast_unheard_bytes 0\n');
    expect(metrics).toMatch(/meetcast_repaired_seconds_total\{source="mic"\} [1-9]/);
  });

  test('while its sender, which began a session anew, goes on: neither disturbs the other', async () => {
    const stage = await startHub(options);
    const viewer = await stage.viewer();
    const said = inHalves(20, 82);
    await refusedInTheMiddle(stage, said, 401, {});
    const gap = await gapTold(viewer);
    await stage.simulator.clear();
    const next = speech(24, 83);
    const sender = await stage.sender();
    const { resume_from_ms: fromMs = Number.NaN } = await sender.until('handshake_ack');
    expect(fromMs).toBeGreaterThanOrEqual(gap.end_ms);
    await sender.say(next.pcm, { everyMs: 10 });
    await heard(stage);
    expect(await sender.finalize()).toEqual(done);
    await viewer.status('ended');
    const finals = bySpoken(await stage.transcript());
    expect(wordsIn(finals, 'mic')).toEqual([...said.words, ...next.words]);
    expectTimes(finals, 'mic', {
      times: [
        ...said.times,
        ...next.times.map(({ text, startMs, endMs }) => ({
          text,
          startMs: startMs + fromMs,
          endMs: endMs + fromMs,
        })),
      ],
    });
    expectRepairs(finals, gap);
    expectUnbroken(viewer);
    expectSegmentRule(viewer.messages);
  });

  test('a sender that may come back is waited for: it fills the gap itself, and the hub does not', async () => {
    const stage = await startHub(options);
    const viewer = await stage.viewer();
    const said = inHalves(20, 84);
    await refusedInTheMiddle(stage, said, 402);
    const gap = await gapTold(viewer);
    await stage.simulator.clear();
    const { back, fromMs } = await backFrom(stage, said.pcm);
    expect(fromMs).toBe(gap.start_ms);
    expect(await back.finalize()).toEqual(done);
    await vi.waitFor(() => expect(fates(stage)).toEqual(['kept', 'sent_again']), soon);
    expectRepairs(await expectSaid(stage, said), gap);
    expectUnbroken(viewer);
  });

  test('one that stays away for long finds that the hub has heard it, and goes on behind it', async () => {
    const stage = await startHub({ ...options, unheard: { ...unheard, senderAwayMs: 200 } });
    const viewer = await stage.viewer();
    const said = inHalves(20, 85);
    await refusedInTheMiddle(stage, said, 402);
    const gap = await gapTold(viewer);
    await stage.simulator.clear();
    await heard(stage);
    const after = speech(6, 86);
    const { back, fromMs } = await backFrom(stage, Buffer.concat([said.pcm, after.pcm]));
    expect(fromMs).toBe(Math.floor(said.ms));
    expect(await back.finalize()).toEqual(done);
    await viewer.status('ended');
    const times = after.times.map(({ text, startMs, endMs }) => ({
      text,
      startMs: startMs + said.ms,
      endMs: endMs + said.ms,
    }));
    const all = { words: [...said.words, ...after.words], times: [...said.times, ...times] };
    expectRepairs(await expectSaid(stage, { ...said, ...all }), gap);
    expectUnbroken(viewer);
  });

  test('one that comes back just when the hub takes it over: whoever is first says it, nobody else', async () => {
    const stage = await startHub({ ...options, unheard: { ...unheard, senderAwayMs: 150 } });
    const viewer = await stage.viewer();
    const said = inHalves(16, 87);
    await refusedInTheMiddle(stage, said, 402);
    const gap = await gapTold(viewer);
    await stage.simulator.clear();
    await vi.waitFor(() => expect(Date.now() - Date.parse(gap.ts)).toBeGreaterThan(140), soon);
    const { back } = await backFrom(stage, said.pcm);
    expect(await back.finalize()).toEqual(done);
    await vi.waitFor(() => expect(fates(stage)).toHaveLength(2), soon);
    expectRepairs(await expectSaid(stage, said), gap);
  });

  test('one that sends a part of it again and stays away then: the hub says the rest', async () => {
    const senderAwayMs = 600_000;
    const stage = await startHub({ ...options, unheard: { ...unheard, senderAwayMs } });
    const viewer = await stage.viewer();
    const said = inHalves(24, 88);
    await refusedInTheMiddle(stage, said, 402);
    await gapTold(viewer);
    await stage.simulator.clear();
    const back = await stage.sender({ session: 'one', resume: true });
    const { resume_from_ms: fromMs = Number.NaN } = await back.until('handshake_ack');
    const toMs = said.times[said.half + 3]?.endMs ?? Number.NaN;
    await back.say(said.pcm.subarray(bytesAt(fromMs), bytesAt(toMs)));
    await back.received(toMs);
    back.vanish();
    await vi.waitFor(() => expect(viewer.of('gap')).toHaveLength(2), soon);
    putForward(senderAwayMs);
    await heard(stage);
    const [first, second] = viewer.of('gap');
    expect(second).toMatchObject({ cause: 'not_sent_again', end_ms: first?.end_ms });
    const finals = await expectSaid(stage, said);
    const fills = new Set(finals.map(({ repairs }) => repairs));
    expect(fills).toEqual(new Set([undefined, first?.seq, second?.seq]));
    expectUnbroken(viewer);
  });
});

test('[LOG10] a drain that is given up: the words heard so far are said, the rest is heard later', async () => {
  const stage = await startHub({
    ...options,
    recovery: { ...recovery, backoff: { maxMs: 50 } },
    limits: { ...limits, drainAwayMs: 300, drainSilenceMs: 2_000 },
  });
  const viewer = await stage.viewer();
  const said = inHalves(20, 89);
  const sender = await saidTheFirstHalf(stage, said, {});
  stage.simulator.fault({ kind: 'away' });
  await sender.say(said.pcm.subarray(bytesAt(said.halfMs)));
  expect(await sender.finalize()).toEqual({ code: 4010, reason: 'recognizer_unavailable' });
  const gap = await gapTold(viewer);
  expect(gap.cause).toBe('recognizer_unavailable');
  await stage.simulator.clear();
  await heard(stage);
  expectRepairs(await expectSaid(stage, said), gap);
});

test('[ING18] what was off the record meanwhile is not in it, and what came after stands where it was said', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'meetcast-unheard-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const stage = await startHub({ ...options, unheard: { ...unheard, folder } });
  const viewer = await stage.viewer();
  const [said, after] = [inHalves(14, 101), speech(10, 102)];
  const secret = randomBytes(bytesAt(3_000));
  const sender = await saidTheFirstHalf(stage, said, {});
  noneHears(stage);
  await sender.say(said.pcm.subarray(bytesAt(said.halfMs)));
  sender.send({ type: 'off_record', on: true });
  await sender.say(secret);
  sender.send({ type: 'off_record', on: false });
  await sender.say(after.pcm);
  await refuses(stage, 401, { ms: said.ms + 3_000 + after.ms });
  expect((await sender.closed).code).toBe(4010);
  const gap = await gapTold(viewer);
  await vi.waitFor(async () => expect(await readdir(folder, { recursive: true })).toHaveLength(3), soon);
  const [name = ''] = await readdir(folder);
  const kept = await readFile(join(folder, name, 'audio.pcm'));
  expect(kept.includes(after.pcm.subarray(bytesAt(500), bytesAt(600)))).toBe(true);
  for (let ms = 0; ms < 3_000; ms += 100)
    expect(kept.includes(secret.subarray(bytesAt(ms), bytesAt(ms + 100)))).toBe(false);
  await stage.simulator.clear();
  await heard(stage);
  const fromMs = said.ms + 3_000;
  const times = after.times.map((time) => ({
    ...time,
    startMs: time.startMs + fromMs,
    endMs: time.endMs + fromMs,
  }));
  const all = { words: [...said.words, ...after.words], times: [...said.times, ...times] };
  const finals = await expectSaid(stage, { ...said, ...all });
  expectRepairs(finals, gap);
});

test('[LOG10] two sources at once, each with its own gap', async () => {
  const stage = await startHub(options);
  const viewer = await stage.viewer();
  const [mic, system] = [inHalves(16, 90), inHalves(16, 91)];
  const senders = [
    await saidTheFirstHalf(stage, mic, { source: 'mic' }),
    await stage.sender({ source: 'system' }),
  ] as const;
  const [, second] = senders;
  const { resume_from_ms: fromMs = Number.NaN } = await second.until('handshake_ack');
  noneHears(stage);
  await senders[0].say(mic.pcm.subarray(bytesAt(mic.halfMs)));
  await second.say(system.pcm);
  await refuses(stage, 401, { ms: mic.ms }, { ms: system.ms, source: 'system' });
  for (const { closed } of senders) expect((await closed).code).toBe(4010);
  await vi.waitFor(() => expect(viewer.of('gap')).toHaveLength(2), soon);
  await stage.simulator.clear();
  await heard(stage, 2);
  const gaps = new Map(viewer.of('gap').map((gap) => [gap.source, gap]));
  expectRepairs(await expectSaid(stage, mic, 'mic'), gaps.get('mic') as Gap);
  const finals = bySpoken(await stage.transcript()).filter(({ meta }) => meta?.source === 'system');
  expect(wordsIn(finals, 'system')).toEqual(system.words);
  expectTimes(finals, 'system', system, fromMs);
  expectRepairs(finals, gaps.get('system') as Gap);
});

test('[ING20] a newcomer does not wait behind words that nobody can hear now: they follow as a repair', async () => {
  const stage = await startHub({ ...options, limits: { ...limits, drainSilenceMs: 1_000 } });
  const viewer = await stage.viewer();
  const said = inHalves(20, 101);
  const first = await saidTheFirstHalf(stage, said, {});
  stage.simulator.fault({ kind: 'refuse', status: 503 });
  stage.simulator.fault({ kind: 'rst' });
  await first.say(said.pcm.subarray(bytesAt(said.halfMs)));
  await viewer.status('reconnecting');
  first.vanish();
  const next = await stage.sender();
  const { resume_from_ms: fromMs = Number.NaN } = await next.until('handshake_ack');
  const gap = await gapTold(viewer);
  expect(gap).toMatchObject({ cause: 'recognizer_unavailable', end_ms: fromMs });
  const other = speech(8, 102);
  await next.say(other.pcm);
  await stage.simulator.clear();
  await heard(stage);
  expect(await next.finalize()).toEqual(done);
  await viewer.status('ended');
  const finals = bySpoken(await stage.transcript());
  expect(wordsIn(finals, 'mic')).toEqual([...said.words, ...other.words]);
  expectRepairs(finals, gap);
  expectUnbroken(viewer);
});

test('[LOG10] channels that are heard apart: what one of them had said already is not said again', async () => {
  const stage = await startHub({ ...options, recognizerOptions: { multichannel: true } });
  const viewer = await stage.viewer();
  const [left, right] = [inHalves(14, 92), speech(30, 93)];
  const frames = Math.max(left.pcm.length, right.pcm.length) / 2;
  const pcm = Buffer.alloc(frames * 4);
  for (let frame = 0; frame < frames; frame += 1) {
    if (frame * 2 < left.pcm.length) left.pcm.copy(pcm, frame * 4, frame * 2, frame * 2 + 2);
    if (frame * 2 < right.pcm.length) right.pcm.copy(pcm, frame * 4 + 2, frame * 2, frame * 2 + 2);
  }
  const sender = await stage.sender({ channels: 2 });
  const cut = bytesAt(left.halfMs) * 2;
  await sender.say(pcm.subarray(0, cut));
  await vi.waitFor(async () => expect((await stage.transcript()).length).toBeGreaterThan(2), soon);
  noneHears(stage);
  await sender.say(pcm.subarray(cut));
  await refuses(stage, 401, { ms: pcm.length / 64 });
  expect((await sender.closed).code).toBe(4010);
  const gap = await gapTold(viewer);
  await stage.simulator.clear();
  await heard(stage);
  const finals = bySpoken(await stage.transcript());
  for (const [channel, said] of [left, right].entries()) {
    const own = finals.filter(({ meta }) => meta?.channel === channel);
    expect(wordsIn(own, 'mic'), `channel ${channel}`).toEqual(said.words);
    expectTimes(own, 'mic', said);
    expect(own.some(({ repairs }) => repairs === gap.seq)).toBe(true);
  }
});

describe('[REST17, LOG8] what was taken back', () => {
  test('a forgotten meeting: its audio is let go at once, and nothing is said', async () => {
    // No stream is lost only because the machine is late: they are counted.
    const stage = await startHub({ ...options, recovery: { ...recovery, silentMs: 3_000 } });
    const viewer = await stage.viewer();
    const said = inHalves(16, 94);
    await refusedInTheMiddle(stage, said, 401, {});
    await gapTold(viewer);
    const url = `http://127.0.0.1:${stage.port}/api/v1/meetings/m`;
    const headers = { authorization: `Bearer ${await mintToken({ role: 'owner' })}` };
    expect((await fetch(url, { method: 'DELETE', headers })).status).toBe(204);
    expect(fates(stage)).toEqual(['kept', 'forgotten']);
    await stage.simulator.clear();
    const { streams } = stage.simulator;
    // Another meeting's is heard meanwhile.
    await refusedInTheMiddle(stage, said, 401, { meeting: 'other' });
    await stage.simulator.clear();
    await heard(stage);
    expect(streams.filter(({ audioBytes }) => audioBytes > 0)).toHaveLength(3);
    expect(await stage.transcript()).toEqual([]);
  });

  test('a stretch of time: its words are not said, those around it are', async () => {
    const stage = await startHub(options);
    const viewer = await stage.viewer();
    const said = inHalves(20, 95);
    await refusedInTheMiddle(stage, said, 401, {});
    await gapTold(viewer);
    const [from, to] = [said.half + 2, said.half + 4];
    const [startMs, endMs] = [(said.times[from]?.startMs ?? 0) + 10, (said.times[to]?.endMs ?? 0) - 10];
    await stage.hub.meeting({ tenant: 'acme', id: 'm' }).retract({ startMs, endMs });
    await stage.simulator.clear();
    await heard(stage);
    const finals = bySpoken(await stage.transcript());
    expect(wordsIn(finals, 'mic')).toEqual([...said.words.slice(0, from), ...said.words.slice(to + 1)]);
    expect(JSON.stringify(viewer.messages)).not.toContain(said.words.slice(from, to + 1).join(' '));
  });
});

test('[LOG10] the oldest audio goes first when there is too much; its gap stays', async () => {
  // The halves are of about 70 kB: two of them fit.
  const said = [inHalves(14, 96), inHalves(14, 97), inHalves(14, 98)];
  const stage = await startHub({ ...options, unheard: { ...unheard, maxBytes: 180_000 } });
  for (const [index, each] of said.entries()) {
    await stage.simulator.clear();
    const meeting = `m${index}`;
    const viewer = await stage.viewer({ meeting });
    await refusedInTheMiddle(stage, each, 401, { meeting, session: 's' });
    await gapTold(viewer);
  }
  const kept = stage.observed.filter((event): event is Kept => event.type === 'unheard');
  const of = (wanted: string) =>
    kept.filter(({ state }) => state === wanted).map(({ meeting }) => meeting.id);
  expect(of('kept')).toEqual(['m0', 'm1', 'm2']);
  expect(of('too_much')).toEqual(['m0']);
  expect(wordsIn(await stage.transcript('m0'), 'mic')).toEqual(said[0]?.words.slice(0, said[0].half));
});

test('[LOG10] with unheard: false nothing is kept, and the gap stays', async () => {
  const stage = await startHub({ ...options, unheard: false });
  const viewer = await stage.viewer();
  const said = inHalves(14, 99);
  await refusedInTheMiddle(stage, said, 401, {});
  await gapTold(viewer);
  await stage.simulator.clear();
  const next = await stage.sender();
  expect(await next.finalize()).toEqual(done);
  await viewer.status('ended');
  expect(fates(stage)).toEqual([]);
  expect(wordsIn(await stage.transcript(), 'mic')).toEqual(said.words.slice(0, said.half));
});

test('[LINK4] a hub that closes before the last words came says what is missing of a sender that cannot resume', async () => {
  const stage = await startHub({
    ...options,
    limits: { ...limits, closeDeadlineMs: 300, closeSpreadMs: 10 },
  });
  const viewer = await stage.viewer();
  const said = inHalves(14, 100);
  const sender = await saidTheFirstHalf(stage, said, {});
  stage.simulator.fault({ kind: 'away' });
  await sender.say(said.pcm.subarray(bytesAt(said.halfMs)));
  await sender.received(said.ms);
  await stage.hub.close();
  expect(await sender.closed).toEqual({ code: 1012, reason: 'restart' });
  await viewer.closed;
  expect(viewer.of('gap')).toMatchObject([{ source: 'mic', end_ms: Math.floor(said.ms) }]);
});
