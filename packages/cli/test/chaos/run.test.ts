/** `meetcast chaos` on somebody's hub, and its command line. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { scenarios } from '@meetcast/testing/chaos';
import { expect, test, vi } from 'vitest';
import { playedIn } from '../support/chaos.ts';
import { hubHere, hubOn, nowhere, secret, serveHub, token } from '../support/hub.ts';
import { eventsOf, runCli, runHere, temporaryDirectory } from '../support/run-cli.ts';

// A meeting takes its time, and is waited for longer than that.
vi.setConfig({ testTimeout: 300_000 });

const onAnyHub = scenarios.flatMap(({ name, needs }) => (needs === 'local' ? [] : [name]));

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
    scenarios.map(({ name, needs, about }) => ({ event: 'listed', name, needs, about })),
  );
  const plain = await runCli(['chaos', '--list']);
  for (const { name } of scenarios) expect(plain.stdout).toContain(`\n${name} `);
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
