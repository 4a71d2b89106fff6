/** What all commands have in common: help, usage errors, JSON, colour. */
import { expect, test } from 'vitest';
import { eventsOf, runCli, runHere, temporaryDirectory } from './support/run-cli.ts';

const commands =
  'demo serve simulator keys token wav send-pcm subscribe transcript meetings search forget smoke'.split(' ');

test('help lists the commands, and each command shows examples', async () => {
  const help = await runCli(['--help']);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  const names = [...help.stdout.matchAll(/^ {2}(\S+) \[options\]/gm)].map(([, name]) => name ?? '');
  expect(names).toEqual(expect.arrayContaining(commands));
  for (const run of await Promise.all(names.map((name) => runCli([name, '--help'])))) {
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toMatch(/Examples:\n {2}# .*\n {2}.*meetcast /);
    expect(run.stdout).toContain('--json');
    expect(run.stdout, 'a place on disk is a folder').not.toMatch(/\bdirector(y|ies)\b|<dir>/i);
  }
});

test('the version is the package’s', async () => {
  expect(await runCli(['--version'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
});

const wrong: ReadonlyArray<readonly [says: string, args: readonly string[]]> = [
  ['no command given', []],
  ['Did you mean token?', ['tokn']],
  ["unknown option '--nope'", ['keys', '--out', 'x', '--nope']],
  ["required option '--out <folder>'", ['keys']],
  ['Allowed choices are RS256, ES256, EdDSA', ['keys', '--out', 'x', '--alg', 'none']],
  ['Run `meetcast keys --help`', ['keys']],
];

test.each(wrong)('a wrong command line exits 2 and says what to do: %s', async (says, args) => {
  const run = await runHere(args, { cwd: await temporaryDirectory() });
  expect(run).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
});

test('with --json an error is an event on stdout too', async () => {
  const run = await runCli(['keys', '--json']);
  expect(eventsOf(run)).toEqual([
    {
      event: 'error',
      code: 'usage',
      exit_code: 2,
      message: expect.stringContaining('--out'),
      next: expect.any(String),
    },
  ]);
  expect(run.stderr).toContain('--out');
});

test('pipes see no colour, unless asked', async () => {
  const colour = '\u001b[';
  expect((await runHere(['tokn'], { env: { CI: '1' } })).stderr).not.toContain(colour);
  expect((await runHere(['tokn'], { env: { FORCE_COLOR: '1' } })).stderr).toContain(colour);
  expect((await runHere(['tokn'], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stderr).not.toContain(
    colour,
  );
});
