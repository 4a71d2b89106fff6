// Processes that are killed in mid-meeting, senders and hubs: words said = stored = seen, where they were said.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDeepgramSimulator } from '@meetcast/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type ClusterNode, clusters, hasServers } from '../support/cluster.ts';
import { bundleHub, HubProcess } from '../support/hub-process.ts';
import { Meeting, partsOf, type Shape, shapes } from '../support/no-word-lost.ts';
import { each, rigDefaults, startRig } from '../support/no-word-lost-rig.ts';
import { inWordMs, soon } from '../support/no-word-lost-story.ts';
import { bundleSender, Sender, type SenderSettings } from '../support/spool-sender.ts';
import { mintToken, secret, unhurried } from '../support/start-hub.ts';

let hubs: Awaited<ReturnType<typeof bundleHub>>;
let senders: Awaited<ReturnType<typeof bundleSender>>;
const startCluster = clusters();
beforeAll(async () => {
  [hubs, senders] = await Promise.all([bundleHub(), bundleSender()]);
});
afterAll(() => {
  hubs.remove();
  senders.remove();
});

function newDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'meetcast-no-word-lost-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const backoff = { minMs: 20, maxMs: 200 };

test('[ING12] the senders are killed, and go on with their spools', { timeout: 180_000 }, async () => {
  const token = await mintToken();
  const rig = await startRig({ isSentElsewhere: true });
  await each(rig, (meeting) => meeting.joined());
  await each(rig, async ({ id, options, seen }) => {
    const all = options.parts.map(({ pcm, source, sampleRate, channels }): SenderSettings => {
      const directory = newDirectory();
      const file = join(directory, 'speech.pcm');
      writeFileSync(file, pcm);
      const spool = join(directory, 'spool');
      return { url: options.url, token, meeting: id, source, sampleRate, channels, file, spool, speedUp: 4 };
    });
    const run = () => all.map((settings) => new Sender(senders.program, settings));
    const first = run();
    for (const sender of first) onTestFinished(() => sender.kill());
    const heardOf = () =>
      new Set(seen.map((entry) => entry.type === 'transcript.final' && entry.meta?.source));
    await vi.waitFor(() => expect(heardOf().size).toBe(all.length + 1), soon);
    await Promise.all(first.map((sender) => sender.kill()));
    const second = run();
    for (const sender of second) onTestFinished(() => sender.kill());
    await Promise.all(second.map((sender) => sender.finish()));
  });
  await each(rig, (meeting) => meeting.expectWhole());
});

async function gather(
  which: readonly Shape[],
  to: { url: () => string; rest?: string; tenant: string; words: number },
): Promise<Meeting[]> {
  const token = await mintToken({ tenant: to.tenant });
  return which.map((shape) => {
    const parts = partsOf(shape, to.words, rigDefaults.seed);
    const id = shape.replace(' ', '-');
    const meeting = new Meeting({
      meeting: id,
      parts,
      url: to.url(),
      rest: to.rest ?? to.url(),
      token,
      backoff,
    });
    onTestFinished(() => meeting.leave());
    return meeting;
  });
}

const shapesFor = (multichannel: boolean) => shapes.filter((shape) => (shape === 'apart') === multichannel);

const heard = [
  ['heard as one', false],
  ['heard apart', true],
] as const;

test.each(heard)(
  '[ING12] the hub is killed, twice, and comes back; channels %s',
  { timeout: 180_000 },
  async (_, multichannel) => {
    const simulator = await startDeepgramSimulator({ pace: 0 });
    onTestFinished(() => simulator.close());
    const hub = new HubProcess(hubs.program, {
      store: { folder: newDirectory() },
      simulatorUrl: simulator.url,
      secret,
      port: 0,
      limits: unhurried,
      multichannel,
      dawdleMs: 100,
    });
    onTestFinished(() => hub.kill());
    await hub.begin().listening;
    const url = () => `http://127.0.0.1:${hub.port}`;
    const meetings = await gather(shapesFor(multichannel), { url, tenant: 'acme', words: 40 });
    await each({ meetings }, (meeting) => meeting.joined());
    const spoken = each({ meetings }, (meeting) => meeting.speak(4));
    for (const ms of [inWordMs, 2 * inWordMs]) {
      await each({ meetings }, (meeting) => meeting.reached(ms));
      await hub.kill();
      await hub.begin().listening;
      await each({ meetings }, (meeting) => meeting.joined());
    }
    await spoken;
    await each({ meetings }, (meeting) => meeting.finalize());
    await each({ meetings }, (meeting) => meeting.expectWhole());
  },
);

describe.skipIf(!hasServers)('two nodes', () => {
  test.each(heard)(
    '[ING12, ING19] each is killed in its turn, and the other takes over; channels %s',
    { timeout: 180_000 },
    async (_, multichannel) => {
      const cluster = await startCluster({ nodes: 2, multichannel });
      const [one, other] = cluster.nodes as [ClusterNode, ClusterNode];
      const meetings = await gather(shapesFor(multichannel), {
        url: () => `http://127.0.0.1:${cluster.door.port}`,
        rest: `http://127.0.0.1:${one.hub.port}`,
        tenant: `no-word-lost-${Date.now().toString(36)}`,
        words: 60,
      });
      await each({ meetings }, (meeting) => meeting.joined());
      const spoken = each({ meetings }, (meeting) => meeting.speak(4));
      await each({ meetings }, (meeting) => meeting.reached(inWordMs));
      await one.hub.kill();
      await each({ meetings }, (meeting) => meeting.joined());
      await one.start();
      await other.hub.kill();
      await each({ meetings }, (meeting) => meeting.joined());
      await spoken;
      await each({ meetings }, (meeting) => meeting.finalize());
      await each({ meetings }, (meeting) => meeting.expectWhole());
    },
  );
});
