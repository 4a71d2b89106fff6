// The client in a real browser: its WebSocket, its database, its locks, and a tab that crashes.
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Browser, startBrowser } from '../support/browser.ts';
import type { meetcast as Meetcast } from '../support/browser-page.ts';
import { faultProxy } from '../support/fault-proxy.ts';
import { browserProgram } from '../support/programs.ts';
import { expectTimes, expectWords, type Speech, speech } from '../support/speech.ts';
import { mintToken, startHub } from '../support/start-hub.ts';

declare const meetcast: typeof Meetcast;

const patient = { timeout: 60_000, interval: 10 };

describe.skipIf(!browserProgram)('in a browser', { timeout: 180_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());

  const openTab = async () => {
    const tab = await browser.open();
    onTestFinished(() => tab.close());
    return tab;
  };

  const speakingOf = async ({ pcm }: Speech, port: number) => ({
    url: `http://127.0.0.1:${port}`,
    token: await mintToken(),
    meeting: 'm',
    sampleRate: 16_000,
    audio: pcm.toString('base64'),
    speedUp: 4,
  });

  test('one tab speaks, another watches: every word, once', async () => {
    const stage = await startHub();
    const [speaker, watcher] = [await openTab(), await openTab()];
    const said = speech(24, 401);
    const speaking = await speakingOf(said, stage.port);
    await watcher.evaluate((place) => meetcast.watch(place), speaking);
    await speaker.evaluate((options) => meetcast.speak(options), speaking);
    expectTimes(await expectWords(stage, { mic: said.words }), 'mic', said);
    const seen = () => watcher.evaluate(() => meetcast.watched);
    await vi.waitFor(async () => expect((await seen()).join(' ')).toBe(said.words.join(' ')), patient);
  });

  test('[ING12] a tab crashes while its link is down: the next one goes on with what its database kept', async () => {
    const stage = await startHub();
    const viewer = await stage.viewer();
    const proxy = await faultProxy({ port: stage.port });
    onTestFinished(() => proxy.close());
    const said = speech(40, 402);
    const speaking = { ...(await speakingOf(said, proxy.port)), spool: 'retro' };
    const [first, second] = [await openTab(), await openTab()];
    const crashed = new Promise<void>((resolve) => first.on('crash', () => resolve()));
    // In real time: it is still speaking when its link goes down, and when it crashes.
    first.evaluate((options) => meetcast.speak(options), { ...speaking, speedUp: 1 }).catch(() => {});
    await viewer.until('transcript.final');
    expect(await second.evaluate(() => meetcast.refusalOf('retro'))).toContain('in use by another tab');
    proxy.refuse(true);
    await vi.waitFor(() => expect(proxy.connections()).toBe(0), patient);
    const cutMs = await first.evaluate(() => meetcast.spokenMs());
    // Speech that no hub hears.
    await first.waitForFunction((ms) => meetcast.spokenMs() > ms, cutMs + 3_000, { timeout: 60_000 });
    first.goto('chrome://crash').catch(() => {});
    await crashed;
    proxy.refuse(false);
    await vi.waitFor(async () => {
      expect(await second.evaluate(() => meetcast.refusalOf('retro'))).toBe(undefined);
    }, patient);
    await second.evaluate((options) => meetcast.speak(options), speaking);
    await viewer.status('ended');
    expectTimes(await expectWords(stage, { mic: said.words }, { viewers: [viewer] }), 'mic', said);
    expect(await second.evaluate(() => meetcast.databases())).toEqual([]);
  });
});
