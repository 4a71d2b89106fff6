/** What a node counts of its audio, seen three ways that have to agree: its metrics, a meeting's stats, and `ended`. */
import { MeetingStats, type Source } from '@meetcast/protocol';
import { memoryStore } from '@meetcast/server';
import { expect, test } from 'vitest';
import { readExposition } from '../../packages/server/test/support/exposition.ts';
import { clusterOf } from '../../packages/server/test/support/nodes.ts';
import { type Speech, speech } from '../support/speech.ts';
import { type Stage, startHub } from '../support/start-hub.ts';

const done = { code: 1000, reason: 'done' };
const patience = { timeout: 30_000, interval: 20 };

async function scrape({ port }: Pick<Stage, 'port'>) {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/metrics`);
  expect(answer.status).toBe(200);
  return readExposition(await answer.text());
}

type Page = Awaited<ReturnType<typeof scrape>>;

/** Milliseconds of audio by stage, as the metrics have it. */
function counted(page: Page, source: Source) {
  const ms = (stage: string) => {
    const seconds = page.value(`meetcast_audio_seconds_total{source="${source}",stage="${stage}"}`);
    return Math.round((seconds ?? Number.NaN) * 1000);
  };
  return { received: ms('received'), forwarded: ms('forwarded'), covered: ms('covered') };
}

/** The same as the meeting's stats have it. */
async function told(stage: Stage, source: Source, meeting = 'm') {
  const answer = await stage.get(`ws/meetings/${meeting}/stats`);
  const stats = MeetingStats.parse(await answer.json()).sources[source];
  const ms = (seconds = Number.NaN) => Math.round(seconds * 1000);
  return {
    received: ms(stats?.received_seconds),
    forwarded: ms(stats?.forwarded_seconds),
    covered: ms(stats?.covered_seconds),
  };
}

/** A recognizer that was away is asked again soon, and hears at once what it missed. */
const quick = {
  backoff: { minMs: 10, maxMs: 50 },
  failuresBeforeProbing: 10_000,
  replayPace: Number.POSITIVE_INFINITY,
};

const all = (ms: number) => ({ received: ms, forwarded: ms, covered: ms });

/** 16 kHz mono: the byte at which a time begins. */
const bytesAt = (ms: number) => Math.round(ms * 16) * 2;

test('[REST19, ING15] all that two sources sent was received, forwarded and covered, and everybody says so', async () => {
  const stage = await startHub();
  const viewer = await stage.viewer();
  const said: Record<Source, Speech> = { mic: speech(12, 61), system: speech(17, 62) };
  const sources = Object.keys(said) as Source[];
  const senders = await Promise.all(sources.map((source) => stage.sender({ source })));
  const during = await scrape(stage);
  expect(during.value('meetcast_connections{kind="ingest"}')).toBe(2);
  expect(during.value('meetcast_meetings')).toBe(1);
  await Promise.all(senders.map((sender, index) => sender.say(said[sources[index] ?? 'mic'].pcm)));
  for (const sender of senders) expect(await sender.finalize()).toEqual(done);
  const { details } = await viewer.status('ended');
  const page = await scrape(stage);
  for (const source of sources) {
    const { ms } = said[source];
    expect(counted(page, source)).toEqual(all(ms));
    expect(await told(stage, source)).toEqual(all(ms));
    expect(details?.coverage).toMatchObject({
      [source]: { received_ms: ms, forwarded_ms: ms, covered_ms: ms },
    });
    const finals = viewer.finals.filter(({ meta }) => meta?.source === source).length;
    expect(page.value(`meetcast_finals_total{source="${source}"}`)).toBe(finals);
  }
  expect(page.value('meetcast_final_lag_seconds_count')).toBe(viewer.finals.length);
  await expect
    .poll(async () => (await scrape(stage)).value('meetcast_connections{kind="ingest"}'), patience)
    .toBe(0);
});

test('[REST19] what is off the record is received, and never forwarded; nothing of it is missing', async () => {
  const stage = await startHub();
  const viewer = await stage.viewer();
  const sender = await stage.sender();
  const [before, secret, after] = [speech(6, 63), speech(5, 64), speech(7, 65)];
  await sender.say(before.pcm);
  sender.send({ type: 'off_record', on: true });
  await sender.say(secret.pcm);
  sender.send({ type: 'off_record', on: false });
  await sender.say(after.pcm);
  expect(await sender.finalize()).toEqual(done);
  const ms = before.ms + secret.ms + after.ms;
  const expected = { received: ms, forwarded: before.ms + after.ms, covered: ms };
  expect(counted(await scrape(stage), 'mic')).toEqual(expected);
  expect(await told(stage, 'mic')).toEqual(expected);
  const { details } = await viewer.status('ended');
  expect(details?.coverage).toEqual({
    mic: { received_ms: ms, forwarded_ms: expected.forwarded, covered_ms: ms },
  });
});

test('[REST19] while the recognizer is away coverage stands still, and catches up when it is back', async () => {
  const stage = await startHub({ recovery: quick });
  const viewer = await stage.viewer();
  const sender = await stage.sender();
  const [before, after] = [speech(8, 66), speech(20, 67)];
  await sender.say(before.pcm);
  sender.send({ type: 'flush' });
  await expect.poll(async () => (await told(stage, 'mic')).covered, patience).toBeGreaterThan(0);
  stage.simulator.fault({ kind: 'away' });
  await expect.poll(async () => recognizerStates(await scrape(stage)).reconnecting, patience).toBe(1);
  const standing = counted(await scrape(stage), 'mic').covered;
  await sender.say(after.pcm);
  const ms = before.ms + after.ms;
  await sender.received(ms);
  expect(counted(await scrape(stage), 'mic')).toEqual({ received: ms, forwarded: ms, covered: standing });
  expect(await told(stage, 'mic')).toEqual({ received: ms, forwarded: ms, covered: standing });
  expect(standing).toBeLessThanOrEqual(before.ms);
  await stage.simulator.clear();
  expect(await sender.finalize()).toEqual(done);
  const page = await scrape(stage);
  expect(counted(page, 'mic')).toEqual(all(ms));
  expect(await told(stage, 'mic')).toEqual(all(ms));
  expect(recognizerStates(page)).toEqual({ reconnecting: 1, silent: 0, recovered: 1 });
  expect(gaps(page)).toEqual({ count: 0, seconds: 0 });
  const { details } = await viewer.status('ended');
  expect(details?.coverage).toEqual({ mic: { received_ms: ms, forwarded_ms: ms, covered_ms: ms } });
});

test('[REST19] what nobody could hear is a gap, and is not covered', async () => {
  const stage = await startHub({ recovery: { ...quick, memoryMs: 1_000, keptMs: 1_000 } });
  const viewer = await stage.viewer();
  const sender = await stage.sender();
  const said = speech(14, 68);
  stage.simulator.fault({ kind: 'away' });
  await expect.poll(async () => recognizerStates(await scrape(stage)).reconnecting, patience).toBe(1);
  void sender.say(said.pcm);
  await expect.poll(async () => counted(await scrape(stage), 'mic').received, patience).toBe(said.ms);
  await stage.simulator.clear();
  expect(await sender.finalize()).toEqual(done);
  const gap = await viewer.until('gap');
  const missing = gap.end_ms - gap.start_ms;
  expect(missing).toBeGreaterThan(1_000);
  const page = await scrape(stage);
  expect(gaps(page)).toEqual({ count: 1, seconds: missing / 1000 });
  const expected = { received: said.ms, forwarded: said.ms, covered: said.ms - missing };
  expect(counted(page, 'mic')).toEqual(expected);
  expect(await told(stage, 'mic')).toEqual(expected);
  const { details } = await viewer.status('ended');
  expect(details?.coverage).toEqual({
    mic: { received_ms: said.ms, forwarded_ms: said.ms, covered_ms: said.ms - missing },
  });
});

test('[REST19] audio that is sent again counts once', async () => {
  const stage = await startHub();
  const said = speech(20, 69);
  const first = await stage.sender({ session: 'one' });
  await first.say(said.pcm.subarray(0, bytesAt(said.ms / 2)));
  await first.received(said.ms / 2);
  first.vanish();
  const next = await stage.sender({ session: 'one', resume: true });
  const { resume_from_ms: fromMs = Number.NaN } = await next.until('handshake_ack');
  expect(fromMs).toBeLessThan(said.ms / 2);
  await next.say(said.pcm.subarray(bytesAt(fromMs)));
  expect(await next.finalize()).toEqual(done);
  expect(counted(await scrape(stage), 'mic')).toEqual(all(said.ms));
  expect(await told(stage, 'mic')).toEqual(all(said.ms));
});

test('[REST19] the metrics of two nodes add up to the stats of the meeting, though the second heard a part again', async () => {
  const store = memoryStore();
  const [one, two] = clusterOf(2);
  const here = await startHub({ ...one, store });
  const there = await startHub({ ...two, store });
  const said = speech(20, 70);
  const first = await here.sender({ session: 'one' });
  await first.say(said.pcm.subarray(0, bytesAt(said.ms / 2)));
  await expect.poll(async () => (await told(there, 'mic')).received, patience).toBe(said.ms / 2);
  first.vanish();
  const next = await there.sender({ session: 'one', resume: true });
  const { resume_from_ms: fromMs = Number.NaN } = await next.until('handshake_ack');
  expect(fromMs).toBeLessThan(said.ms / 2);
  await next.say(said.pcm.subarray(bytesAt(fromMs)));
  expect(await next.finalize()).toEqual(done);
  const nodes = await Promise.all([here, there].map(async (stage) => counted(await scrape(stage), 'mic')));
  const sum = (stage: keyof ReturnType<typeof all>) => nodes.reduce((ms, node) => ms + node[stage], 0);
  const total = { received: sum('received'), forwarded: sum('forwarded'), covered: sum('covered') };
  expect(total).toEqual(all(said.ms));
  await expect.poll(() => told(there, 'mic'), patience).toEqual(all(said.ms));
  const { details } = await next.status('ended');
  expect(details?.coverage).toMatchObject({ mic: { received_ms: said.ms } });
});

const recognizerStates = (page: Page) => {
  const times = (state: string) => page.value(`meetcast_recognizer_state_total{state="${state}"}`);
  return {
    reconnecting: times('reconnecting'),
    silent: times('silent'),
    recovered: times('recovered'),
  };
};

const gaps = (page: Page) => ({
  count: page.value('meetcast_gaps_total{cause="recognizer_unavailable"}'),
  seconds: page.value('meetcast_gap_seconds_total{cause="recognizer_unavailable"}'),
});
