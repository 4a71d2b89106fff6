/** `meetcast chaos --local`: every scenario, and what ends it early. */
import { readdir, readlink } from 'node:fs/promises';
import { scenarios } from '@meetcast/testing/chaos';
import { expect, test, vi } from 'vitest';
import { playedIn, summaryOf } from '../support/chaos.ts';
import { eventsOf, runCli, startCli, temporaryDirectory } from '../support/run-cli.ts';

// A meeting takes its time, and is waited for longer than that.
vi.setConfig({ testTimeout: 300_000 });

const local = scenarios.map(({ name }) => name);

/** Processes of this machine that work below a directory, or did while it was there. */
async function processesIn(directory: string): Promise<string[]> {
  const all = await readdir('/proc').catch(() => []);
  const workplaces = all.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => ''));
  return (await Promise.all(workplaces)).filter((path) => path.startsWith(directory));
}

async function expectNothingLeft(directory: string): Promise<void> {
  expect(await readdir(directory)).toEqual([]);
  expect(await processesIn(directory)).toEqual([]);
}

test('no fault costs a word, on hubs of its own: exit code 0', async () => {
  const TMPDIR = await temporaryDirectory();
  // All hubs start at once, which on a busy machine takes them long.
  const atOnce = ['--parallel', String(local.length), '--connect-timeout', '60s'];
  const args = ['chaos', '--local', ...atOnce, '--seed', '7', '--json'];
  const run = await runCli(args, { env: { TMPDIR } });
  const played = playedIn(run);
  expect(played.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(run.code).toBe(0);
  expect(played.map(({ name }) => name).sort()).toEqual(local.toSorted());
  for (const { words, lost, twice, gaps, time_error_ms, recovered_ms, name } of played) {
    expect(words.said, name).toBeGreaterThan(8);
    expect(words, name).toEqual({ said: words.said, stored: words.said, seen: words.said });
    expect({ lost, twice }, name).toEqual({ lost: 0, twice: 0 });
    expect(gaps, name).toBe(name === 'recognizer-402' ? 1 : 0);
    expect(time_error_ms, name).toBeGreaterThanOrEqual(0);
    expect(time_error_ms, name).toBeLessThanOrEqual(20);
    expect(recovered_ms, name).toBeGreaterThanOrEqual(0);
  }
  for (const status of [401, 402, 403])
    expect(played.find(({ name }) => name === `recognizer-${status}`)?.notes).toEqual([
      expect.stringMatching(`the sender of mic was told ".*${status}.*", and kept \\d+\\.\\d s of audio`),
    ]);
  expect(eventsOf(run)[0]).toMatchObject({
    event: 'start',
    seed: 7,
    hub: null,
    sources: ['mic'],
    channels: 1,
  });
  expect(summaryOf(run)).toEqual({
    event: 'chaos',
    ok: true,
    seed: 7,
    passed: local.length,
    failed: 0,
    skipped: 0,
    unfinished: 0,
  });
  expect(await readdir(TMPDIR)).toEqual([]);
});

test('what was on when the time was over has failed: exit code 1, and nothing is left behind', async () => {
  const TMPDIR = await temporaryDirectory();
  const chaos = ['chaos', '--local', '--seed', '3', '--only'];
  const args = [...chaos, 'recognizer-silent,hub-kill', '--time-limit', '6s', '--json'];
  const run = await runCli(args, { env: { TMPDIR } });
  expect(run.code).toBe(1);
  const played = playedIn(run).toSorted((one, other) => one.name.localeCompare(other.name));
  expect(played).toMatchObject([
    {
      name: 'hub-kill',
      status: 'failed',
      problems: [expect.stringMatching(/^the time limit of 6 s is over: /)],
    },
    {
      name: 'recognizer-silent',
      status: 'failed',
      // How far a slow machine was by then, it says too.
      problems: [
        expect.stringMatching(
          /^the time limit of 6 s is over: (the fault was not over|no words had come back|sender and viewer were not)/,
        ),
      ],
    },
  ]);
  expect(run.stderr).toMatch(/the time limit of 6 s is over: 2 scenarios failed.\n.*--time-limit/);
  await expectNothingLeft(TMPDIR);
});

test('what did not begin in time has not passed: exit code 1', async () => {
  const args = ['chaos', '--local', '--only', 'drop,hub-kill', '--parallel', '1', '--time-limit', '1s'];
  const run = await runCli([...args, '--json']);
  expect(run.code).toBe(1);
  expect(playedIn(run)).toMatchObject([{ name: 'drop', status: 'failed' }]);
  expect(summaryOf(run)).toMatchObject({ ok: false, passed: 0, failed: 1, unfinished: 1 });
  const plain = await runCli(args);
  expect(plain.stdout).toContain('hub-kill: did not finish: the time limit of 1 s is over');
  expect(plain.stderr).toContain('1 scenario failed, 1 scenario did not finish.');
});

test('a hub’s process that does not listen in time is ended too', async () => {
  const TMPDIR = await temporaryDirectory();
  const args = ['chaos', '--local', '--only', 'hub-kill', '--time-limit', '60ms', '--json'];
  const run = await runCli(args, { env: { TMPDIR } });
  expect(run.code).toBe(1);
  expect(playedIn(run)).toMatchObject([{ name: 'hub-kill', status: 'failed' }]);
  expect(playedIn(run)[0]?.problems).toEqual([
    expect.stringMatching(/^the time limit of 0.06 s is over: its hub was not there$/),
  ]);
  await expectNothingLeft(TMPDIR);
});

test('two sources at once, each in stereo: every word of both', async () => {
  const names = 'drop,duplicate,takeover,expired-token,recognizer-fin,recognizer-402,hub-restart';
  const shape = ['--sources', 'system,mic', '--channels', '2'];
  const run = await runCli([
    'chaos',
    '--local',
    '--only',
    names,
    ...shape,
    '--parallel',
    '7',
    '--seed',
    '5',
    '--json',
  ]);
  const played = playedIn(run);
  expect(played.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(run.code).toBe(0);
  expect(eventsOf(run)[0]).toMatchObject({ event: 'start', sources: ['mic', 'system'], channels: 2 });
  expect(played.map(({ name }) => name).toSorted()).toEqual(names.split(',').toSorted());
  for (const { name, gaps } of played) expect(gaps, name).toBe(name === 'recognizer-402' ? 2 : 0);
  const notes = played.find(({ name }) => name === 'recognizer-402')?.notes;
  expect(notes?.map((note) => /of (mic|system) was told/.exec(note)?.[1])).toEqual(['mic', 'system']);
});

test('Ctrl-C ends it in order', async () => {
  const TMPDIR = await temporaryDirectory();
  const args = ['chaos', '--local', '--only', 'hub-kill,recognizer-silent', '--json'];
  const cli = startCli(args, { env: { TMPDIR } });
  await cli.event('start');
  await expect.poll(() => readdir(TMPDIR), { timeout: 60_000 }).toHaveLength(2);
  cli.signal('SIGINT');
  const run = await cli.ended;
  expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('stopped: 2 scenarios') });
  expect(await readdir(TMPDIR)).toEqual([]);
});
