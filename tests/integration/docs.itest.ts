import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publish, subscribe } from '@meetcast/client';
import { createTranscriptHub, defaultLimits, jwtAuthenticator, type TranscriptHub } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { type DeepgramSimulator, speak, startDeepgramSimulator } from '@meetcast/testing';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { exitCodes } from '../../packages/cli/src/exit.ts';
import { createProgram } from '../../packages/cli/src/program.ts';
import { settings } from '../../packages/cli/src/settings.ts';
import { makePlace, type Place, Running, removePlaces } from '../support/run-snippet.ts';
import {
  brokenLinks,
  type Command,
  commandsOf,
  isTyped,
  placeOf,
  readPage,
  runnable,
  type Snippet,
  type Table,
  Typecheck,
} from '../support/snippets.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const secret = 'the secret of the docs, thirty-two bytes or more';
const said = 'hello hello thank you';
const soon = { timeout: 60_000, interval: 50 };

const markdownIn = (directory: string): string[] =>
  readdirSync(join(root, directory))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(directory, name));
const inEach = (directory: string): string[] =>
  readdirSync(join(root, directory)).flatMap((name) => {
    const file = join(directory, name, 'README.md');
    return existsSync(join(root, file)) ? [file] : [];
  });

const files = [...markdownIn('.'), ...markdownIn('docs'), ...inEach('packages'), ...inEach('examples')];
const pages = files.map((file) => ({ file, ...readPage(file, readFileSync(join(root, file), 'utf8')) }));
const snippets = pages.flatMap((page) => page.snippets);
const tables = pages.flatMap((page) => page.tables);

/** What a block that reads their addresses from the environment needs; empty where this machine has none. */
const services = { REDIS_URL: inject('redisUrl') ?? '', DATABASE_URL: inject('pgUrl') ?? '' };
const needsServices = ({ code }: Snippet) =>
  Object.keys(services).some((name) => code.includes(`process.env.${name}`));

/** Wrong on purpose: what is not found here would not be found on the pages either. */
const wrong = readPage(
  'wrong.md',
  [
    '<!-- with:',
    'import { createTranscriptHub } from "@meetcast/server";',
    '-->',
    '```ts',
    'const fine = 1;',
    'createTranscriptHub({ auth: fine });',
    '```',
    '```js',
    "import { subscribed } from '@meetcast/client';",
    '```',
    '```sh',
    'echo hello | meetcast token --role viewer --nope 1',
    '```',
    '[no page](docs/nowhere.md), [no heading](docs/cli.md#nowhere)',
    '| [not here](https://github.com/meetcast/meetcast/blob/main/docs/nowhere.md) |',
  ].join('\n'),
);

test('every code block is in a language that is checked', () => {
  const known = ['', 'text', 'ts', 'tsx', 'js', 'sh', 'json', 'yaml'];
  expect(snippets.filter(({ language }) => !known.includes(language)).map(placeOf)).toEqual([]);
  expect(snippets.filter(isTyped).length).toBeGreaterThan(30);
});

test('every link to a file of the repository leads to it, and to a heading of it', () => {
  expect(pages.flatMap(({ file, links }) => brokenLinks(root, file, links))).toEqual([]);
  expect(pages.flatMap(({ links }) => links).length).toBeGreaterThan(150);
});

test('a link that leads nowhere is named with its line', () => {
  expect(brokenLinks(root, 'wrong.md', wrong.links)).toEqual([
    'wrong.md:14: nothing is at docs/nowhere.md',
    'wrong.md:14: no heading is at docs/cli.md#nowhere',
    'wrong.md:15: nothing is at https://github.com/meetcast/meetcast/blob/main/docs/nowhere.md',
  ]);
});

test('every JSON block parses', () => {
  const problems = snippets
    .filter(({ language }) => language === 'json')
    .flatMap((snippet) => {
      try {
        JSON.parse(snippet.code);
        return [];
      } catch (error) {
        return [`${placeOf(snippet)}: ${String(error)}`];
      }
    });
  expect(problems).toEqual([]);
});

describe('types', () => {
  let typecheck: Typecheck;
  beforeAll(() => {
    typecheck = new Typecheck(root, [...snippets, ...wrong.snippets].filter(isTyped));
  }, 300_000);

  // It is the compiler's work on all sources.
  test('every TypeScript and JavaScript block checks against the sources; a wrong one is named', {
    timeout: 300_000,
  }, () => {
    const errors = typecheck.errors();
    expect(errors.filter((error) => !error.startsWith('wrong.md'))).toEqual([]);
    expect(errors.map((error) => /^wrong\.md:\d+/.exec(error)?.[0])).toEqual(['wrong.md:6', 'wrong.md:9']);
  });

  test('every table of options or events has all of them, and no other', () => {
    const own = ['Limits', 'settings', 'exitCodes'];
    const listing = tables.filter(({ name }) => !own.includes(name));
    expect(listing.length).toBeGreaterThan(8);
    for (const table of listing)
      expect(namesIn(table), `${placeOf(table)}: ${table.name}`).toEqual(
        typecheck.members(table.name).sort(),
      );
  });
});

test('the table of limits has every limit with its default', () => {
  const table = tables.find(({ name }) => name === 'Limits');
  const rows = table?.rows.map(([name, value = '']) => [name, Number(value.replaceAll(/\s/g, ''))]) ?? [];
  expect(Object.fromEntries(rows)).toEqual(defaultLimits);
});

test('the tables of settings and exit codes are those of the command line', () => {
  const table = tables.find(({ name }) => name === 'settings');
  expect(namesIn(table)).toEqual(Object.keys(settings).sort());
  const codes = tables
    .find(({ name }) => name === 'exitCodes')
    ?.rows.map(([code, word]) => [word, Number(code)]);
  expect(Object.fromEntries(codes ?? [])).toEqual(exitCodes);
});

describe('commands', () => {
  const lines = snippets.flatMap((snippet) => {
    const commands = snippet.language === 'sh' ? commandsOf(snippet) : [];
    const steps = snippet.language === 'yaml' ? stepsOf(snippet) : [];
    return [...commands, ...steps].map((command) => ({ file: snippet.file, ...command }));
  });

  test('every command of every shell block exists, with its flags', async () => {
    const problems = await Promise.all(lines.map(async (line) => [line, await problemOf(line)] as const));
    const said = problems.flatMap(([line, problem]) => (problem ? [`${placeOf(line)}: ${problem}`] : []));
    expect(said).toEqual([]);
    expect(lines.filter(({ words }) => words[0] === 'meetcast').length).toBeGreaterThan(10);
  });

  test('a wrong flag is named with its line', async () => {
    const [command] = wrong.snippets
      .filter(({ language }) => language === 'sh')
      .flatMap(commandsOf)
      .slice(1);
    expect(command?.line).toBe(12);
    expect(await problemOf(command as Command)).toContain("unknown option '--nope'");
  });

  test('docs/cli.md has a heading for every command, and below it every flag', () => {
    const [, ...parts] = readFileSync(join(root, 'docs/cli.md'), 'utf8').split(/^## /m);
    const missing = createProgram(noContext).commands.flatMap((command) => {
      const part = parts.find((text) => text.startsWith(`\`${command.name()}\`\n`));
      if (part === undefined) return [command.name()];
      const flags = command.options.filter(({ hidden }) => !hidden).map(({ long }) => long ?? '');
      const shared = parts.find((text) => text.startsWith('Which hub, and which token')) ?? '';
      const all = [
        part,
        part.includes('#which-hub-and-which-token') ? shared : '',
        settingsPart(part, parts),
      ].join('\n');
      return flags.filter((flag) => !all.includes(flag)).map((flag) => `${command.name()} ${flag}`);
    });
    expect(missing).toEqual([]);
  });
});

// Processes, some of them one after the other.
describe.concurrent('run', { timeout: 240_000 }, () => {
  const directory = join(root, 'tests', 'dist', `docs-${process.pid}`);
  let simulator: DeepgramSimulator;
  let hub: TranscriptHub;
  const server = createServer();
  const processes = new Set<Running>();

  beforeAll(async () => {
    simulator = await startDeepgramSimulator({ pace: 0 });
    hub = createTranscriptHub({
      auth: jwtAuthenticator({ secret }),
      recognizer: deepgram({ apiKey: 'simulated', endpoint: simulator.url }),
      limits: { ingestFramesPerSecond: 10_000 },
    });
    hub.attach(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    for (const running of processes) running.kill();
    await hub.close();
    server.close();
    await simulator.close();
    removePlaces(directory);
  });

  const portOf = () => (server.address() as AddressInfo).port;

  /** Each snippet is a tenant of its own, in whose meeting `stand-up` the words of above were said. */
  async function placeFor(snippet: Snippet): Promise<Place> {
    const tenant = placeOf(snippet).replaceAll(/\W+/g, '-');
    const token = await tokenFor(tenant);
    const isSession = snippet.run?.kind === 'session';
    const isServer = isSession || snippet.run?.kind === 'serves';
    if (snippet.run?.kind === 'prints') await say(`http://127.0.0.1:${portOf()}`, token);
    const env = {
      ...(isSession ? {} : { SECRET_KEY: secret, MEETCAST_TOKEN: token, DEEPGRAM_API_KEY: 'simulated' }),
      ...(isSession ? {} : { DEEPGRAM_ENDPOINT: simulator.url }),
      ...(needsServices(snippet) ? services : {}),
    };
    return makePlace(root, join(directory, tenant), env, isServer ? undefined : portOf());
  }

  function start(place: Place, command: string, args: readonly string[]): Running {
    const running = new Running(place, command, args);
    processes.add(running);
    return running;
  }

  function startSnippet(place: Place, snippet: Snippet): Running {
    if (snippet.language === 'sh') return start(place, 'bash', ['-euo', 'pipefail', '-c', snippet.code]);
    const isTest = snippet.run?.kind === 'tests';
    const file = join(place.directory, isTest ? 'snippet.test.mjs' : 'snippet.mjs');
    writeFileSync(file, runnable(snippet));
    if (!isTest) return start(place, process.execPath, [file]);
    writeFileSync(
      join(place.directory, 'vitest.config.mjs'),
      "export default { test: { include: ['*.test.mjs'], testTimeout: 60_000 } };",
    );
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    return start(place, process.execPath, [vitest, 'run', '--root', place.directory]);
  }

  test.for(snippets.filter(({ run }) => run).map((snippet) => ({ place: placeOf(snippet), snippet })))(
    '$place',
    async ({ snippet }, { skip }) => {
      const { run } = snippet;
      if (needsServices(snippet)) skip(Object.values(services).includes(''), 'it needs Redis and PostgreSQL');
      const place = await placeFor(snippet);
      if (run?.kind === 'session') return await session(place, snippet);
      const running = startSnippet(place, snippet);
      if (run?.kind === 'serves') return await serves(place, running);
      if (run?.kind !== 'prints') return await running.done();
      await running.until(`printing "${run.text}"`, () => running.stdout.includes(run.text) || undefined);
      running.kill();
    },
  );

  /** It is a hub: healthy, and open to who has a token. Then it stops when asked to. */
  async function serves(place: Place, running: Running): Promise<void> {
    const url = `http://127.0.0.1:${await running.until('listening', place.port)}`;
    // It may listen before it has its services.
    await vi.waitFor(async () => {
      const health = await fetch(`${url}/api/v1/health`);
      expect([health.status, await health.json()]).toEqual([200, expect.objectContaining({ storage: 'ok' })]);
    }, soon);
    const viewer = subscribe({ url, meeting: 'stand-up', token: await tokenFor('acme') });
    await running.until('greeting a viewer', () => viewer.position);
    viewer.close();
    await viewer.closed;
    await running.stop('SIGTERM');
  }

  /** A reader at a terminal, line by line. What a hub says to export is exported. */
  async function session(place: Place, snippet: Snippet): Promise<void> {
    for (const { words } of commandsOf(snippet)) {
      const [program, command] = words;
      if (program !== 'meetcast') continue;
      const isSending = command === 'send-pcm';
      const args = words
        .slice(1)
        .map((word) => (word.startsWith('https://') ? `http://127.0.0.1:8080` : word));
      // As fast as the hub reads, rather than as fast as people speak.
      const running = start(place, 'meetcast', isSending ? [...args, '--speed', '0'] : args);
      if (command === 'serve') {
        await running.until('listening', place.port);
        await running.until('a line to copy', () => exportsIn(running.stderr, place.env));
      } else if (command === 'subscribe') {
        await running.until('words', () => /[a-z]{3}/.test(running.stdout) || undefined);
        await running.stop('SIGINT');
      } else {
        await running.done();
        expect(isSending ? running.stderr : running.stdout, words.join(' ')).toMatch(
          isSending ? /^Done\. /m : /./,
        );
      }
    }
  }
});

/** Says the words in the meeting `stand-up`. */
async function say(url: string, token: string): Promise<void> {
  const speaker = publish({ url, meeting: 'stand-up', source: 'mic', token, sampleRate: 16_000 });
  await speaker.write(speak(said, { sampleRate: 16_000 }));
  await speaker.finalize();
}

const tokenFor = (tenant: string): Promise<string> =>
  new SignJWT({ user_id: 'ada', tenant_id: tenant, email: 'ada@acme.example', role: 'member' })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .setAudience('meetcast')
    .setIssuer('meetcast')
    .sign(Buffer.from(secret));

/** Takes over what a line like `export A=1 B=2` sets. */
function exportsIn(text: string, env: NodeJS.ProcessEnv): true | undefined {
  const line = /^export (.+)\n/m.exec(text)?.[1];
  if (line === undefined) return undefined;
  for (const pair of line.split(' ')) {
    const [name = '', ...value] = pair.split('=');
    env[name] = value.join('=');
  }
  return true;
}

const namesIn = (table: Table | undefined): string[] =>
  (table?.rows ?? []).flatMap(([names = '']) => names.split(', ')).sort();

/** What a section says it shares with another one. */
function settingsPart(part: string, parts: readonly string[]): string {
  return part.includes('#settings') ? (parts.find((text) => text.startsWith('Settings')) ?? '') : '';
}

/** Registered commands get it, but none of them runs here. */
const noContext = {} as Parameters<typeof createProgram>[0];

/** Ordinary programs of a shell, not ours to check. */
const ordinary = [
  'export',
  'cat',
  'cd',
  'curl',
  'diff',
  'docker',
  'echo',
  'ffmpeg',
  'git',
  'jq',
  'kill',
  'node',
  'openssl',
  'redis-cli',
  'wait',
];

async function problemOf({ words }: Command): Promise<string | undefined> {
  const [program = '', ...args] = words;
  if (program === 'meetcast') return await parsed(args);
  if (program === 'npm') return unknownPackages(args);
  if (program === 'pnpm') return unknownScript(args);
  if (program === 'npx') return await problemOfNpx(args.filter((word) => word !== '-y'));
  return ordinary.includes(program) ? undefined : `no such command: ${program}`;
}

/** Parses a command line with the real program, down to the value of each flag, and runs nothing. */
async function parsed(args: readonly string[]): Promise<string | undefined> {
  const program = createProgram(noContext);
  const silence = { writeOut: () => {}, writeErr: () => {} };
  for (const command of program.commands) command.configureOutput(silence).action(() => {});
  let problem: string | undefined;
  program.configureOutput(silence).action(() => {
    problem = `no such command: ${args.join(' ')}`;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return problem;
  } catch (error) {
    const isHelp = error instanceof Error && 'exitCode' in error && error.exitCode === 0;
    return isHelp ? undefined : String(error);
  }
}

interface Manifest {
  name?: string;
  packageManager?: string;
  scripts?: Record<string, string>;
}

const manifest = (directory: string): Manifest =>
  JSON.parse(readFileSync(join(root, directory, 'package.json'), 'utf8'));

const workspace = (): Manifest[] =>
  ['packages', 'examples'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => manifest(join(parent, name))),
  );

function unknownPackages([command = '', ...words]: readonly string[]): string | undefined {
  if (command === 'ci') return undefined;
  if (command !== 'install') return `npm ${command} is not expected`;
  const names = workspace().map(({ name }) => name);
  const unknown = words.filter((word) => word.startsWith('@meetcast/') && !names.includes(word));
  return unknown.length > 0 ? `no such package: ${unknown.join(', ')}` : undefined;
}

/** `pnpm SCRIPT`, or `pnpm --filter PACKAGE SCRIPT`. */
function unknownScript(args: readonly string[]): string | undefined {
  const [flag, filter, script] = args[0] === '--filter' ? args : [undefined, undefined, args[0]];
  const of = flag === undefined ? manifest('.') : workspace().find(({ name }) => name === filter);
  if (!of) return `no such package: ${filter}`;
  return of.scripts?.[script ?? ''] === undefined ? `no such script: ${script}` : undefined;
}

async function problemOfNpx([program = '', ...args]: readonly string[]): Promise<string | undefined> {
  if (program === '@meetcast/cli') return await parsed(args);
  if (program.startsWith('pnpm@')) {
    const { packageManager } = manifest('.');
    return program === packageManager ? unknownScript(args) : `the repository uses ${packageManager}`;
  }
  return existsSync(join(root, 'node_modules', '.bin', program)) ? undefined : `no such program: ${program}`;
}

/** The commands of the steps of a CI job: `run: …` or what is indented below `run: |`. */
function stepsOf(snippet: Snippet): Command[] {
  const lines = snippet.code.split('\n').map((line) => {
    const isScript = / run: (?!\|)/.test(line) || /^\s{6,}(npx|meetcast|export) /.test(line);
    return isScript ? line.replace(/^.* run: /, '').trim() : '';
  });
  return commandsOf({ line: snippet.line, code: lines.join('\n') });
}
