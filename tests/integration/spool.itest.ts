import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Publisher, publish, type Spool } from '@meetcast/client';
import { fileSpool } from '@meetcast/client/file-spool';
import { openFaultProxy } from '@meetcast/testing';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { seeded } from '../../packages/server/test/support/random.ts';
import { expectTimes, expectWords, type Speech, speech } from '../support/speech.ts';
import { bundleSender, Sender, type SenderSettings } from '../support/spool-sender.ts';
import { mintToken, type Stage, startHub } from '../support/start-hub.ts';

/** MEETCAST_OUTAGE_SECONDS=60 adds an outage; MEETCAST_KILLS says how often a sender dies. */
const outages = [
  1,
  10,
  ...(process.env.MEETCAST_OUTAGE_SECONDS ?? '').split(',').filter(Boolean).map(Number),
];
const kills = Number(process.env.MEETCAST_KILLS ?? 6);
const seed = Number(process.env.MEETCAST_SPOOL_SEED ?? Date.now() % 1_000_000);

let bundle: Awaited<ReturnType<typeof bundleSender>>;
beforeAll(async () => {
  bundle = await bundleSender();
});
afterAll(() => bundle.remove());

function newFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'meetcast-spool-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Like a microphone: at its pace, and without waiting. */
async function say(publisher: Publisher, { pcm }: Speech, speedUp: number): Promise<void> {
  const from = performance.now();
  for (let at = 0; at < pcm.length; at += 640) {
    const dueMs = from + at / 32 / speedUp - performance.now();
    if (dueMs > 1) await pause(dueMs);
    publisher.write(new Uint8Array(pcm.subarray(at, at + 640))).catch(() => {});
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const backoff = { minMs: 10, maxMs: 100 };

test.each(outages)(
  '[ING12] a link that is down for %i s in mid-speech loses nothing and repeats nothing',
  { timeout: 240_000 },
  async (seconds) => {
    const stage = await startHub();
    const viewer = await stage.viewer();
    const proxy = await openFaultProxy({ port: stage.port });
    onTestFinished(() => proxy.close());
    const folder = join(newFolder(), 'spool');
    const said = speech(Math.ceil(8 + seconds * 9), seed);
    const publisher = publish({
      url: `http://127.0.0.1:${proxy.port}`,
      meeting: 'm',
      token: await mintToken(),
      source: 'mic',
      sampleRate: 16_000,
      backoff,
      spool: await fileSpool({ folder }),
    });
    const saying = say(publisher, said, 3);
    await viewer.until('transcript.final');
    proxy.refuse(true);
    await pause(seconds * 1000);
    proxy.refuse(false);
    await saying;
    await publisher.finalize();
    await viewer.status('ended');
    const finals = await expectWords(stage, { mic: said.words }, { viewers: [viewer] });
    expectTimes(finals, 'mic', said);
    expect(existsSync(folder)).toBe(false);
  },
);

interface Role {
  meeting: string;
  settings: SenderSettings;
  said: Speech;
}

async function roleOf(
  stage: Stage,
  of: Pick<SenderSettings, 'source' | 'channels' | 'sampleRate'>,
): Promise<Role> {
  const folder = newFolder();
  const said = speech(20 + 12 * kills, seed + of.channels, of);
  const file = join(folder, 'speech.pcm');
  writeFileSync(file, said.pcm);
  const meeting = `killed-${of.source}`;
  const settings: SenderSettings = {
    ...of,
    url: `http://127.0.0.1:${stage.port}`,
    token: await mintToken(),
    meeting,
    file,
    spool: join(folder, 'spool'),
    speedUp: 4,
  };
  return { meeting, settings, said };
}

async function killAgainAndAgain(stage: Stage, { meeting, settings, said }: Role, random: () => number) {
  for (let count = 0; count < kills; count += 1) {
    const sender = new Sender(bundle.program, settings);
    onTestFinished(() => sender.kill());
    // Now and then before it could begin.
    if (random() > 0.15) await sender.begun;
    await pause(random() * 900);
    await sender.kill();
  }
  const last = new Sender(bundle.program, settings);
  onTestFinished(() => last.kill());
  await last.finish();
  const { source } = settings;
  const finals = await expectWords(stage, { [source]: said.words }, { meeting });
  expectTimes(finals, source, said);
  expect(existsSync(settings.spool)).toBe(false);
}

test(`[ING12] a sender that is killed ${kills} times in mid-speech goes on with its spool: no word lost, none twice (seed ${seed})`, {
  timeout: 120_000 + kills * 20_000,
}, async () => {
  const stage = await startHub();
  const roles = await Promise.all([
    roleOf(stage, { source: 'mic', channels: 1, sampleRate: 16_000 }),
    roleOf(stage, { source: 'system', channels: 2, sampleRate: 44_100 }),
  ]);
  await Promise.all(roles.map((role, index) => killAgainAndAgain(stage, role, seeded(seed + index))));
});

test('[ING15] finalize without a hub, then another process: it is all stored, once', async () => {
  const stage = await startHub();
  const proxy = await openFaultProxy({ port: stage.port });
  onTestFinished(() => proxy.close());
  const folder = join(newFolder(), 'spool');
  const said = speech(30, seed);
  const options = {
    url: `http://127.0.0.1:${proxy.port}`,
    meeting: 'm',
    token: await mintToken(),
    source: 'mic' as const,
    sampleRate: 16_000,
    backoff,
  };
  const viewer = await stage.viewer();
  const first = publish({ ...options, spool: await fileSpool({ folder }) });
  const saying = say(first, said, 5);
  await viewer.until('transcript.partial');
  proxy.refuse(true);
  await saying;
  const cut = first.finalize();
  cut.catch(() => {});
  first.close();
  await first.closed;
  await expect(cut).rejects.toMatchObject({ code: 'done' });
  proxy.refuse(false);
  await publish({ ...options, spool: await fileSpool({ folder }) }).finalize();
  await viewer.status('ended');
  const finals = await expectWords(stage, { mic: said.words }, { viewers: [viewer] });
  expectTimes(finals, 'mic', said);
});

/** Three stretches of speech, the first two of which the first process sends. */
async function staleRig() {
  const stage = await startHub();
  const folder = join(newFolder(), 'spool');
  const parts = [speech(6, seed), speech(6, seed + 1), speech(4, seed + 2)] as const;
  const token = await mintToken();
  const open = (spool: Spool) => {
    const address = { url: `http://127.0.0.1:${stage.port}`, meeting: 'm', token };
    const publisher = publish({ ...address, source: 'mic', sampleRate: 16_000, backoff, spool });
    onTestFinished(() => publisher.close());
    return publisher;
  };
  const write = (publisher: Publisher, { pcm }: Speech) => publisher.write(new Uint8Array(pcm));
  const stored = (publisher: Publisher, ms: number) =>
    vi.waitFor(() => expect(publisher.durableMs).toBeGreaterThan(ms - 200), {
      timeout: 30_000,
      interval: 10,
    });
  const end = async (publisher: Publisher) => {
    publisher.close();
    await publisher.closed;
  };
  const said = parts.flatMap(({ words }) => words);
  return { stage, folder, parts, open, write, stored, end, said };
}

/** Writes nothing more from when the disk is full on, and cannot be removed either. */
function onFullDisk(spool: Spool) {
  const disk = { isFull: false };
  const write = (what: () => Promise<void>) => (disk.isFull ? Promise.reject(new Error('ENOSPC')) : what());
  const full: Spool = {
    left: spool.left,
    append: (audio) => write(() => spool.append(audio)),
    note: (session) => write(() => spool.note(session)),
    forget: (before) => write(() => spool.forget(before)),
    remove: () => write(() => spool.remove()),
    read: (at) => spool.read(at),
    close: () => spool.close(),
  };
  return { full, disk };
}

test(`[ING12] a spool that a full disk left behind: nothing is lost or said twice by the next process (seed ${seed})`, async () => {
  const { stage, folder, parts, open, write, stored, end, said } = await staleRig();
  const { full, disk } = onFullDisk(await fileSpool({ folder }));
  const first = open(full);
  await write(first, parts[0]);
  disk.isFull = true;
  await write(first, parts[1]);
  await stored(first, parts[0].ms + parts[1].ms);
  await end(first);
  const second = open(await fileSpool({ folder }));
  expect(second.sessionId).toBe(first.sessionId);
  await write(second, parts[2]);
  await second.finalize();
  await expectWords(stage, { mic: said });
  expect(existsSync(folder)).toBe(false);
});

test(`[ING12] a power cut takes the end of a spool: nothing is lost or said twice by the next process (seed ${seed})`, async () => {
  const { stage, folder, parts, open, write, stored, end, said } = await staleRig();
  const first = open(await fileSpool({ folder }));
  await write(first, parts[0]);
  const names = readdirSync(folder).filter((name) => name.endsWith('.spool'));
  for (const name of names) cpSync(join(folder, name), join(`${folder}.old`, name));
  await write(first, parts[1]);
  await stored(first, parts[0].ms + parts[1].ms);
  await end(first);
  const second = open(await fileSpool({ folder: `${folder}.old` }));
  expect(second.sessionId).toBe(first.sessionId);
  await write(second, parts[2]);
  await second.finalize();
  await expectWords(stage, { mic: said });
});

test(`[ING12] another session spoke while one was away: what its spool holds is said, after that (seed ${seed})`, async () => {
  const { stage, folder, parts, open, write, end } = await staleRig();
  const [a, b, c] = parts;
  const first = open(await fileSpool({ folder }));
  await write(first, a);
  await vi.waitFor(() => expect(first.durableMs).toBeGreaterThan(0), { timeout: 30_000, interval: 10 });
  await end(first);
  const other = open(await fileSpool({ folder: `${folder}-other` }));
  await vi.waitFor(() => expect(other.connection).toBe('connected'), { timeout: 30_000, interval: 10 });
  await write(other, b);
  await other.finalize();
  const second = open(await fileSpool({ folder }));
  await write(second, c);
  await second.finalize();
  const words = (await stage.transcript())
    .map(({ text }) => text)
    .join(' ')
    .split(' ');
  expect(words.slice(0, -c.words.length).sort()).toEqual([...a.words, ...b.words].sort());
  expect(words.slice(-c.words.length)).toEqual(c.words);
});
