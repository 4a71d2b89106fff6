/** `meetcast simulator`: alone on its port, with its faults as flags. */
import { expect, test } from 'vitest';
import { type FaultFlags, faultsOf } from '../../src/simulator-faults.ts';
import { serveHub } from '../support/hub.ts';
import { eventsOf, runCli, runHere, startCli } from '../support/run-cli.ts';

async function startSimulator(...args: string[]) {
  const cli = startCli(['simulator', '--port', '0', '--json', ...args]);
  const { endpoint, url } = await cli.event<{ endpoint: string; url: string }>('listening');
  return { cli, endpoint, url };
}

test('any hub may listen through it; the first line says where, and SIGTERM ends it with 0', async () => {
  const { cli, endpoint, url } = await startSimulator('--pace', '0', '--key', 'simulator');
  expect(endpoint).toBe(`${url.replace('http', 'ws')}/v1/listen`);
  const { env, cli: hub } = await serveHub([], { DEEPGRAM_ENDPOINT: endpoint });
  await hub.said(/gets the key "simulator"/);
  expect(await runCli(['smoke', '--words', '5'], { env })).toMatchObject({ code: 0 });
  cli.signal('SIGTERM');
  const run = await cli.ended;
  expect(run.code).toBe(0);
  expect(eventsOf(run)).toEqual([
    { event: 'listening', url, endpoint },
    { event: 'stopped', streams: 1, audio_seconds: 1.9, refused: 0 },
  ]);
});

test('a key it does not accept reaches the sender as a reason', async () => {
  const { endpoint } = await startSimulator('--key', 'other');
  const { env } = await serveHub([], { DEEPGRAM_ENDPOINT: endpoint });
  const args = ['send-pcm', '--meeting', 'm', '--create-test-wav', '--connect-timeout', '5s'];
  expect(await runHere(args, { env })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/refused the stream \(401, [\s\S]*the hub’s log/),
  });
});

test('a stream that breaks, or a busy Deepgram, costs no word', async () => {
  const faults = ['--fault', 'fin', '--fault-after-ms', '1000', '--refuse', '429', '--refuse-count', '1'];
  const { endpoint } = await startSimulator('--pace', '0', ...faults);
  const { env } = await serveHub([], { DEEPGRAM_ENDPOINT: endpoint });
  expect(await runHere(['smoke'], { env })).toMatchObject({ code: 0 });
});

const none: FaultFlags = { endWithoutStatus: false };

test('every fault has its flag', () => {
  expect(faultsOf(none)).toEqual([]);
  const flags: FaultFlags = {
    fault: 'close',
    closeCode: 1000,
    closeReason: 'bye',
    faultAfterMs: 5000,
    faultCount: 2,
    refuse: 503,
    endWithoutStatus: true,
    slowUpgradeMs: 100,
    slowReader: 8000,
    awayMs: 50,
  };
  expect(faultsOf(flags)).toEqual([
    { kind: 'close', code: 1000, reason: 'bye', afterAudioMs: 5000, times: 2 },
    { kind: 'refuse', status: 503 },
    { kind: 'no-status' },
    { kind: 'slow-upgrade', delayMs: 100 },
    { kind: 'slow-reader', bytesPerSecond: 8000 },
    { kind: 'away', forMs: 50 },
  ]);
  expect(faultsOf({ ...none, fault: 'rst' })).toEqual([{ kind: 'rst', afterAudioMs: 0, times: 1 }]);
});

const wrong: ReadonlyArray<readonly [says: string, args: readonly string[]]> = [
  ['--fault-count works only with --fault', ['--fault-count', '2']],
  ['--close-code works only with --fault close', ['--fault', 'fin', '--close-code', '1000']],
  ['--refuse takes 401, 402, 403, 429, 503, not "418"', ['--refuse', '418']],
  ['Allowed choices are fin, rst, silence, close', ['--fault', 'fire']],
];

test.each(wrong)('wrong flags are a usage error: %s', async (says, args) => {
  const run = await runHere(['simulator', '--port', '0', ...args]);
  expect(run).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
});
