import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TranscriptPage } from '@meetcast/protocol';
import { startDeepgramSimulator } from '@meetcast/testing';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { seeded } from '../../packages/server/test/support/random.ts';
import { bundleHub, HubProcess } from '../support/hub-process.ts';
import { expectTimes, speech, wordsIn } from '../support/speech.ts';
import { bundleSender, Sender, type SenderSettings } from '../support/spool-sender.ts';
import { mintToken, secret, unhurried } from '../support/start-hub.ts';

const kills = Number(process.env.MEETCAST_KILLS ?? 6);
const seed = Number(process.env.MEETCAST_SPOOL_SEED ?? Date.now() % 1_000_000);

let hubs: Awaited<ReturnType<typeof bundleHub>>;
let senders: Awaited<ReturnType<typeof bundleSender>>;
beforeAll(async () => {
  [hubs, senders] = await Promise.all([bundleHub(), bundleSender()]);
});
afterAll(() => {
  hubs.remove();
  senders.remove();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test(`[ING12] sender, hub, or both at once are killed ${kills} times: no word lost, none twice (seed ${seed})`, {
  timeout: 120_000 + kills * 20_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'meetcast-spool-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const simulator = await startDeepgramSimulator({ pace: 0 });
  onTestFinished(() => simulator.close());
  const hub = new HubProcess(hubs.program, {
    store: { folder: join(directory, 'store') },
    simulatorUrl: simulator.url,
    secret,
    port: 0,
    limits: unhurried,
    dawdleMs: 100,
  });
  onTestFinished(() => hub.kill());
  await hub.begin().listening;
  const said = speech(30 + 16 * kills, seed);
  const token = await mintToken();
  const url = `http://127.0.0.1:${hub.port}`;
  const settings: SenderSettings = {
    url,
    token,
    meeting: 'm',
    source: 'mic',
    sampleRate: 16_000,
    channels: 1,
    file: join(directory, 'speech.pcm'),
    spool: join(directory, 'spool'),
    speedUp: 4,
  };
  writeFileSync(settings.file, said.pcm);
  const random = seeded(seed);
  let sender = new Sender(senders.program, settings);
  onTestFinished(() => sender.kill());
  for (let count = 0; count < kills; count += 1) {
    await pause(300 + random() * 1_000);
    const [isSender, isHub] = [random() < 0.7, random() < 0.6];
    await Promise.all([isSender && sender.kill(), isHub && hub.kill()]);
    await pause(random() * 300);
    if (isHub) void hub.begin();
    if (isSender) sender = new Sender(senders.program, settings);
  }
  await sender.finish();
  const authorization = `Bearer ${token}`;
  const answer = await fetch(`${url}/api/v1/meetings/m/transcript?limit=1000`, {
    headers: { authorization },
  });
  const { segments } = TranscriptPage.parse(await answer.json());
  expect(wordsIn(segments, 'mic')).toEqual(said.words);
  expectTimes(segments, 'mic', said);
  expect(existsSync(settings.spool)).toBe(false);
});
