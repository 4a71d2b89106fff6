// Unheard audio in a folder: it outlives the hub, and whatever happens every word is said once.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TranscriptFinal, TranscriptPage } from '@meetcast/protocol';
import { type HubEvent, memoryStore } from '@meetcast/server';
import { startDeepgramSimulator } from '@meetcast/testing';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { bundleHub, HubProcess } from '../support/hub-process.ts';
import { putForward } from '../support/lived-time.ts';
import { bytesAt, inHalves, refusedInTheMiddle, saidTheFirstHalf } from '../support/refused-speech.ts';
import { expectTimes, type Speech, speech, wordsIn } from '../support/speech.ts';
import {
  mintToken,
  type Stage,
  type StageOptions,
  secret,
  startHub,
  unhurried,
} from '../support/start-hub.ts';

const soon = { timeout: 60_000, interval: 10 };
const recovery = { replayPace: 1_000, silentMs: 500 };
const retry = { backoff: { minMs: 30, maxMs: 60 } };
const limits = { ...unhurried, graceMs: 100 };

let bundle: Awaited<ReturnType<typeof bundleHub>>;

beforeAll(async () => {
  bundle = await bundleHub();
});
afterAll(() => bundle.remove());

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'meetcast-unheard-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const bySpoken = (finals: readonly TranscriptFinal[]) =>
  [...finals].sort((a, b) => a.start_ms - b.start_ms || a.seq - b.seq);

function expectSaid(finals: readonly TranscriptFinal[], said: Speech): void {
  expect(wordsIn(bySpoken(finals), 'mic')).toEqual(said.words);
  expectTimes(bySpoken(finals), 'mic', said);
}

const fates = (stage: Stage) =>
  stage.observed.flatMap((event: HubEvent) => (event.type === 'unheard' ? [event.state] : []));

const failures = (stage: Stage) =>
  stage.observed.flatMap((event) => (event.type === 'error' && event.stage === 'late' ? [event.error] : []));

/** A hub in a process of its own, as a stage of whose parts only some are there. */
async function processStage() {
  const simulator = await startDeepgramSimulator({ pace: 0 });
  onTestFinished(() => simulator.close());
  const [directory, folder] = [await freshFolder(), await freshFolder()];
  const hub = new HubProcess(bundle.program, {
    store: { folder: directory },
    simulatorUrl: simulator.url,
    secret,
    port: 0,
    limits,
    recovery,
    unheard: { ...retry, folder },
    dawdleMs: 60,
  });
  onTestFinished(() => hub.kill());
  await hub.begin().listening;
  // Speakers and transcripts as in any other test, at the process's port.
  const lender = await startHub();
  const stage: Stage = {
    ...lender,
    simulator,
    sender: (of) => lender.sender({ ...of, port: hub.port }),
    async get(path) {
      const headers = { authorization: `Bearer ${await mintToken()}` };
      return await fetch(`http://127.0.0.1:${hub.port}/api/v1/${path}`, { headers });
    },
    async transcript() {
      const answer = await stage.get('meetings/m/transcript?limit=1000');
      return TranscriptPage.parse(await answer.json()).segments;
    },
  };
  return { stage, hub, folder, simulator };
}

test('[LOG10] kill -9 again and again while it is heard late: nothing lost, nothing twice', {
  timeout: 180_000,
}, async () => {
  const { stage, hub, folder, simulator } = await processStage();
  const said = inHalves(70, 111);
  await refusedInTheMiddle(stage, said, 401, {});
  // The audio is on disk, and so may be the gap or not.
  await vi.waitFor(() => expect(contentsOf(folder)).toContain('leftover.json'), soon);
  await hub.kill();
  await simulator.clear();
  // It hears slowly enough to be killed in the middle of it.
  simulator.fault({ kind: 'slow-reader', bytesPerSecond: 128_000 });
  const repaired = async () =>
    (await stage.transcript()).filter(({ repairs }) => repairs !== undefined).length;
  const isDone = async () => (await readdir(folder)).length === 0;
  let kills = 0;
  for (; kills < 4; kills += 1) {
    await hub.begin().listening;
    const before = await repaired();
    await vi.waitFor(async () => expect((await repaired()) > before || (await isDone())).toBe(true), soon);
    if (await isDone()) break; // This machine is late: there is nothing left to be killed in.
    await new Promise((resolve) => setTimeout(resolve, 40 * kills)); // At another place each time.
    await hub.kill();
  }
  await simulator.clear();
  if (kills === 4) await hub.begin().listening;
  await vi.waitFor(async () => expect(await readdir(folder)).toEqual([]), soon);
  const finals = await stage.transcript();
  expectSaid(finals, said);
  expect(new Set(finals.flatMap(({ repairs }) => repairs ?? [])).size).toBe(1);
});

const contentsOf = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => path.split('/').at(-1));

/** Two hubs, one after the other, with one store and one folder. */
async function successors({
  senderAwayMs = 600_000,
  ...options
}: StageOptions & { senderAwayMs?: number } = {}) {
  const folder = await freshFolder();
  const shared = {
    store: memoryStore(),
    recovery,
    limits: { ...limits, closeDeadlineMs: 300, closeSpreadMs: 10 },
    unheard: { ...retry, senderAwayMs, folder },
    ...options,
  };
  return { folder, first: await startHub(shared), second: () => startHub(shared) };
}

test('[LINK4] a hub that closes before the last words came leaves its audio to the next one, which says them', async () => {
  const { folder, first, second } = await successors();
  const viewer = await first.viewer();
  const said = inHalves(20, 112);
  const sender = await saidTheFirstHalf(first, said, {});
  first.simulator.fault({ kind: 'away' });
  await sender.say(said.pcm.subarray(bytesAt(said.halfMs)));
  await sender.received(said.ms);
  await first.hub.close();
  await viewer.closed;
  const gaps = viewer.of('gap');
  expect(gaps).toMatchObject([
    { source: 'mic', end_ms: Math.floor(said.ms), cause: 'recognizer_unavailable' },
  ]);
  expect(await readdir(folder)).toHaveLength(1);
  const next = await second();
  await vi.waitFor(() => expect(fates(next)).toEqual(['kept', 'heard']), soon);
  const finals = await next.transcript();
  expectSaid(finals, said);
  expect(new Set(finals.flatMap(({ repairs }) => repairs ?? []))).toEqual(new Set([gaps[0]?.seq]));
  await vi.waitFor(async () => expect(await readdir(folder)).toEqual([]), soon);
});

test('[ING12] a sender that can resume says the rest itself at the next hub, which lets its audio go', async () => {
  const { folder, first, second } = await successors();
  const said = inHalves(20, 113);
  const sender = await saidTheFirstHalf(first, said, { session: 'one' });
  first.simulator.fault({ kind: 'away' });
  await sender.say(said.pcm.subarray(bytesAt(said.halfMs)));
  await sender.received(said.ms);
  await first.hub.close();
  const next = await second();
  await vi.waitFor(() => expect(fates(next)).toEqual(['kept']), soon);
  const back = await next.sender({ session: 'one', resume: true });
  const { resume_from_ms: fromMs = Number.NaN } = await back.until('handshake_ack');
  await back.say(said.pcm.subarray(bytesAt(fromMs)));
  expect((await back.finalize()).code).toBe(1000);
  await vi.waitFor(() => expect(fates(next)).toEqual(['kept', 'sent_again']), soon);
  expectSaid(await next.transcript(), said);
  await vi.waitFor(async () => expect(await readdir(folder)).toEqual([]), soon);
});

test('[LOG10] of two hubs on one folder one hears what a third has left', async () => {
  const { first, second } = await successors();
  const said = inHalves(16, 114);
  await refusedInTheMiddle(first, said, 401, {});
  await vi.waitFor(() => expect(fates(first)).toEqual(['kept']), soon);
  await first.hub.close();
  const both = await Promise.all([second(), second()]);
  await vi.waitFor(() => expect(both.flatMap(fates).toSorted()).toEqual(['heard', 'kept']), soon);
  expectSaid(await both[0].transcript(), said);
});

test('[LOG10] what belongs to a hub that lives is left to it', async () => {
  const { folder, first, second } = await successors();
  const said = inHalves(14, 119);
  await refusedInTheMiddle(first, said, 401, {});
  await vi.waitFor(() => expect(fates(first)).toEqual(['kept']), soon);
  await vi.waitFor(() => expect(contentsOf(folder)).toContain('leftover.json'), soon);
  const [own] = await readdir(folder);
  const other = await second();
  // It has looked around by the time that it has heard something else.
  const sender = await other.sender({ meeting: 'other' });
  await sender.say(speech(4, 120).pcm);
  expect((await sender.finalize()).code).toBe(1000);
  expect([await readdir(folder), fates(other)]).toEqual([[own], []]);
  await first.simulator.clear();
  await vi.waitFor(() => expect(fates(first)).toEqual(['kept', 'heard']), soon);
  expectSaid(await first.transcript(), said);
});

test('[REST17] a meeting that was forgotten meanwhile: its audio goes at the next start, unheard', async () => {
  const store = memoryStore();
  const { folder, first, second } = await successors({ store });
  const said = inHalves(14, 115);
  await refusedInTheMiddle(first, said, 401, {});
  await vi.waitFor(() => expect(fates(first)).toEqual(['kept']), soon);
  await first.hub.close();
  await store.forget({ tenant: 'acme', id: 'm' });
  const next = await second();
  await vi.waitFor(() => expect(fates(next)).toEqual(['kept', 'forgotten']), soon);
  await vi.waitFor(async () => expect(await readdir(folder)).toEqual([]), soon);
  expect(await next.transcript()).toEqual([]);
  expect(next.simulator.streams).toEqual([]);
});

test('[LOG10] a hub whose audio another one took over, because it seemed dead, says none of it', async () => {
  // As long as its sender is waited for, it touches nothing.
  const senderAwayMs = 600_000;
  const { folder, first, second } = await successors({ senderAwayMs });
  const viewer = await first.viewer();
  const said = inHalves(16, 118);
  await refusedInTheMiddle(first, said, 401);
  await viewer.until('gap');
  await vi.waitFor(() => expect(contentsOf(folder)).toContain('leftover.json'), soon);
  const [name = ''] = await readdir(folder);
  await rename(join(folder, name), join(folder, 'left~by-the-paused-one'));
  putForward(senderAwayMs);
  await vi.waitFor(() => expect(failures(first).map(String).join()).toContain('ENOENT'), soon);
  const next = await second();
  await vi.waitFor(() => expect(fates(next)).toEqual(['kept', 'heard']), soon);
  expectSaid(await next.transcript(), said);
});

test('[LOG10] what cannot be used is reported and put aside; a folder that cannot be made harms nobody', async () => {
  const { folder, first, second } = await successors();
  const said = inHalves(14, 116);
  await refusedInTheMiddle(first, said, 401, {});
  await vi.waitFor(() => expect(fates(first)).toEqual(['kept']), soon);
  await first.hub.close();
  for (const [index, note] of ['not JSON', '{}', '{"meeting":{"tenant":"a","id":"b"}}'].entries()) {
    mkdirSync(join(folder, `left~${index}`));
    writeFileSync(join(folder, `left~${index}`, 'leftover.json'), note);
  }
  const next = await second();
  await vi.waitFor(() => expect(fates(next)).toEqual(['kept', 'heard']), soon);
  expect(failures(next)).toHaveLength(3);
  expectSaid(await next.transcript(), said);
  const names = async () => (await readdir(folder)).map((name) => name.slice(0, 4)).toSorted();
  await vi.waitFor(async () => expect(await names()).toEqual(['bad~', 'bad~', 'bad~']), soon);

  const file = join(await freshFolder(), 'a-file');
  await writeFile(file, '');
  const unlucky = await startHub({ recovery, limits, unheard: { ...retry, folder: join(file, 'folder') } });
  const viewer = await unlucky.viewer();
  await refusedInTheMiddle(unlucky, said, 401, {});
  const gap = await viewer.until('gap');
  expect(failures(unlucky).length).toBeGreaterThan(0);
  await unlucky.simulator.clear();
  const after = speech(6, 117);
  const sender = await unlucky.sender();
  await sender.say(after.pcm);
  expect((await sender.finalize()).code).toBe(1000);
  // It is kept by the process instead.
  await vi.waitFor(() => expect(fates(unlucky)).toEqual(['kept', 'heard']), soon);
  const finals = bySpoken(await unlucky.transcript());
  expect(wordsIn(finals, 'mic')).toEqual([...said.words, ...after.words]);
  const repaired = finals.flatMap(({ repairs }) => repairs ?? []);
  const gaps = JSON.stringify(viewer.of('gap'));
  expect(new Set(repaired), `of the gaps ${gaps}`).toEqual(new Set([gap.seq]));
});
