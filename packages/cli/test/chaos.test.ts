/** `meetcast chaos`: on hubs of its own, on somebody's hub, and on one that really loses words. */
import { execFileSync } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createTranscriptHub, jwtAuthenticator } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { startDeepgramSimulator } from '@meetcast/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { allScenarios } from '../src/chaos/scenarios.ts';
import { hubHere, nowhere, secret, serveHub, token } from './support/hub.ts';
import { type ChangeRecognizer, endless, late, swallowing } from './support/recognizers.ts';
import { eventsOf, runCli, runHere, startCli, temporaryDirectory } from './support/run-cli.ts';

// A meeting takes its time, and is waited for longer than that.
vi.setConfig({ testTimeout: 300_000 });

interface Played {
  event: string;
  name: string;
  status: string;
  words: { said: number; stored: number; seen: number };
  lost: number;
  twice: number;
  gaps: number;
  time_error_ms: number | null;
  recovered_ms: number | null;
  missing: { source: string; place: number; word: string; from: string[] }[];
  notes: string[];
  problems: string[];
}

const playedIn = (run: { stdout: string }) =>
  (eventsOf(run) as Played[]).filter(({ event }) => event === 'scenario');
const summaryOf = (run: { stdout: string }) => eventsOf(run).find((event) => nameOf(event) === 'chaos');
const nameOf = (event: unknown) => (event as { event: string }).event;

const local = allScenarios.map(({ name }) => name);
const onAnyHub = allScenarios.flatMap(({ name, needs }) => (needs === 'local' ? [] : [name]));

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

test('somebody’s hub is hurt from the client’s side, by ws:// and by http://', async () => {
  const { url, env } = await serveHub();
  const args = ['chaos', '--url', url.replace('http', 'ws'), '--parallel', '8', '--seed', '5'];
  const run = await runCli([...args, '--json'], { env });
  const played = playedIn(run);
  expect(played.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(run.code).toBe(0);
  expect(played.map(({ name }) => name).sort()).toEqual(onAnyHub.toSorted());
  const plain = await runCli(['chaos', '--only', 'reset', '--speed', '4', '--seed', '3'], { env });
  expect(plain.stdout).toMatch(
    /^scenario +said .*\nreset +(\d+) +\1 +\1 +0 +0 +0 +\d+ ms +\d+\.\d s +passed\n$/,
  );
  expect(plain.stderr).toContain('--seed 3');
  expect(plain.stderr).toContain('No word was lost');
});

test('what needs the secret is skipped without it, and said so', async () => {
  const { url } = await hubHere();
  const args = ['chaos', '--url', url, '--token', await token(), '--only', 'expired-token', '--speed', '4'];
  const run = await runHere([...args, '--json']);
  expect(run.code).toBe(0);
  expect(playedIn(run)).toEqual([
    expect.objectContaining({ status: 'skipped', reason: expect.stringContaining('--secret') }),
  ]);
  expect((await runHere(args)).stdout).toContain('expired-token: skipped');
});

/** A hub of this process, whose recognizer may not be what it should be. */
async function hubOn(server: Server, change: ChangeRecognizer = (recognizer) => recognizer): Promise<number> {
  const simulator = await startDeepgramSimulator({ pace: 0 });
  const hub = createTranscriptHub({
    auth: jwtAuthenticator({ secret }),
    recognizer: change(deepgram({ apiKey: 'k', endpoint: simulator.url })),
    limits: { closeDeadlineMs: 1_000 }, // Some of them never end.
  });
  hub.attach(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    await hub.close();
    server.close();
    await simulator.close();
  });
  return (server.address() as AddressInfo).port;
}

const hubWith = async (change: ChangeRecognizer): Promise<string> =>
  `http://127.0.0.1:${await hubOn(createServer(), change)}`;

test('a hub that loses words is exit code 1, and the words are named', async () => {
  const url = await hubWith(swallowing(2, 3));
  const whom = ['--url', url, '--secret', secret];
  const args = ['chaos', ...whom, '--only', 'duplicate', '--seed', '1', '--speed', '3'];
  const run = await runCli([...args, '--json']);
  expect(run.code).toBe(1);
  const [played] = playedIn(run);
  expect(played).toMatchObject({ name: 'duplicate', status: 'failed', twice: 0 });
  expect(played?.lost).toBeGreaterThan(0);
  expect(played?.words.stored).toBe((played?.words.said ?? 0) - (played?.lost ?? 0));
  const first = played?.missing[0];
  expect(first?.from).toEqual(['stored', 'seen']);
  expect(summaryOf(run)).toMatchObject({ ok: false, failed: 1 });
  const plain = await runHere(args);
  expect(plain).toMatchObject({ code: 1 });
  expect(plain.stderr).toContain(`word ${first?.place} of mic, "${first?.word}", was not stored, not seen`);
  expect(plain.stderr).toContain('--seed 1');
});

test('a hub that hears no tone language is told apart before anything is hurt', async () => {
  const url = await hubWith(swallowing(0, Number.POSITIVE_INFINITY));
  const run = await runHere(['chaos', '--url', url, '--secret', secret, '--json']);
  expect(run.code).toBe(1);
  expect(run.stderr).toContain('does not understand the test audio');
  expect(playedIn(run)).toEqual([]);
});

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

test('a hub that hangs is given up when the time is over: exit code 1', async () => {
  // A first stream is that of the words before anything is hurt.
  const hurt = await hubWith(endless(2));
  const args = ['chaos', '--secret', secret, '--only', 'duplicate', '--speed', '3', '--json'];
  const before = await hubWith(endless(1));
  // Some seconds are enough to get so far, where the machine has nothing else to do.
  const [run, none] = await Promise.all(
    [hurt, before].map((url) => runCli([...args, '--url', url, '--time-limit', '30s'])),
  );
  expect(run?.code).toBe(1);
  const played = run ? playedIn(run) : [];
  expect(played).toMatchObject([{ name: 'duplicate', status: 'failed' }]);
  expect(played[0]?.problems).toEqual(['the time limit of 30 s is over: not all was stored and seen']);
  expect(none?.code).toBe(1);
  expect(none?.stderr).toContain(
    'even without a fault, the time limit of 30 s is over: not all was stored and seen',
  );
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

test('words of one of two sources that are lost are named with it', async () => {
  const url = await hubWith(swallowing(2, 3, 'system'));
  const whom = ['--url', url, '--secret', secret];
  const args = ['chaos', ...whom, '--only', 'duplicate', '--speed', '3', '--json'];
  expect((await runHere(args)).code).toBe(0);
  expect((await runHere([...args, '--sources', 'system'])).code).toBe(1);
  const run = await runCli([...args, '--sources', 'mic,system']);
  expect(run.code).toBe(1);
  const [played] = playedIn(run);
  expect(new Set(played?.missing.map(({ source }) => source))).toEqual(new Set(['system']));
});

test('a hub that stores words more than 20 ms from where they were said is exit code 1', async () => {
  const args = ['chaos', '--secret', secret, '--only', 'drop', '--speed', '3', '--json'];
  // The words before anything is hurt have the first stream, those before the fault the second.
  const run = await runHere([...args, '--url', await hubWith(late(30, 3))]);
  expect(run.code).toBe(1);
  const [played] = playedIn(run);
  expect(played).toMatchObject({ status: 'failed', lost: 0, twice: 0 });
  expect(played?.time_error_ms).toBeGreaterThanOrEqual(27);
  expect(played?.time_error_ms).toBeLessThanOrEqual(33);
  expect(played?.problems).toEqual([expect.stringMatching(/^\d+ words stored more than 20 ms from where/)]);
  const always = await runHere([...args, '--url', await hubWith(late(30, 1))]);
  expect(always.code).toBe(1);
  expect(always.stderr).toMatch(/even without a fault, \d+ words stored more than 20 ms/);
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

test('a wrong command line is exit code 2, and says what would be right', async () => {
  const wrong: [args: string[], says: RegExp][] = [
    [['--local', '--only', 'flood'], /no scenario "flood".*\n.*--list/],
    [['--only', 'drop,hub-kill', '--secret', secret], /"hub-kill" needs a hub of its own.*\n.*--local/],
    [['--local', '--url', nowhere], /--local.*--url/],
    [['--memory', '--secret', secret], /--memory works only with --local/],
    [['--local', '--speed', '0'], /Expected a number above 0/],
    [['--local', '--only', ','], /--only/],
    [['--local', '--sources', 'mic,room'], /Expected mic, system, or mic,system/],
    [['--local', '--sources', 'mic,mic'], /Expected mic, system, or mic,system/],
    [['--local', '--channels', '0'], /Expected a whole number from 1 to 8/],
    [['--only', 'drop'], /no token/],
  ];
  for (const [args, says] of wrong) {
    const run = await runHere(['chaos', ...args]);
    expect(run.code, args.join(' ')).toBe(2);
    expect(run.stderr).toMatch(says);
  }
});

test('a refused token is exit code 3, no hub is 4', async () => {
  const { url } = await hubHere();
  const args = ['chaos', '--secret', `other ${secret}`];
  expect(await runHere([...args, '--url', url])).toMatchObject({ code: 3 });
  expect(await runHere([...args, '--connect-timeout', '1s', '--url', nowhere])).toMatchObject({ code: 4 });
});

test('the list has every scenario, with what it needs', async () => {
  const run = await runCli(['chaos', '--list', '--json']);
  expect(run.code).toBe(0);
  expect(eventsOf(run)).toEqual(
    allScenarios.map(({ name, needs, about }) => ({ event: 'listed', name, needs, about })),
  );
  const plain = await runCli(['chaos', '--list']);
  for (const name of local) expect(plain.stdout).toContain(`\n${name} `);
});

test('behind TLS the hub’s own certificate is what counts', async () => {
  const cwd = await temporaryDirectory();
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem'];
  const args = ['req', '-x509', ...made, '-out', 'cert.pem', '-days', '1', ...name];
  execFileSync('openssl', args, { cwd, stdio: 'pipe' });
  const files = ['key.pem', 'cert.pem'].map((file) => readFile(join(cwd, file)));
  const [key, cert] = await Promise.all(files);
  const port = await hubOn(createTlsServer({ key, cert }));
  const only = ['--only', 'reset,half-open', '--speed', '3', '--seed', '5'];
  const chaos = ['chaos', '--secret', secret, ...only, '--json'];
  const env = { NODE_EXTRA_CA_CERTS: join(cwd, 'cert.pem') };
  const run = await runCli([...chaos, '--url', `wss://localhost:${port}`], { env });
  expect(playedIn(run).map(({ status }) => status)).toEqual(['passed', 'passed']);
  expect(run.code).toBe(0);
  const stranger = await runCli([...chaos, '--url', `wss://localhost:${port}`]);
  expect(stranger).toMatchObject({ code: 4, stderr: expect.stringContaining('certificate') });
});
