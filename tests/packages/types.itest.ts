/** The packages as they are published: packed, put into an empty project, and compiled there. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownHub } from '../support/own-adapters.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const packed = ['protocol', 'server', 'client', 'testing'] as const;
const patient = { timeout: 300_000 };

/** An empty project with the packed packages in it. What they depend on is linked from here: nothing is downloaded. */
function projectWithPackages(): string {
  const project = mkdtempSync(join(tmpdir(), 'meetcast-packed-'));
  for (const name of packed) {
    const source = join(root, 'packages', name);
    const listed = execFileSync('npm', ['pack', '--json', '--pack-destination', project], { cwd: source });
    const [{ filename }] = JSON.parse(listed.toString()) as [{ filename: string }];
    const target = join(project, 'node_modules', '@meetcast', name);
    mkdirSync(target, { recursive: true });
    execFileSync('tar', ['-xzf', join(project, filename), '-C', target, '--strip-components=1']);
    linkAll(join(source, 'node_modules'), join(project, 'node_modules'));
  }
  for (const name of ['@types/node', '@types/ws'])
    link(join(root, 'node_modules', name), join(project, 'node_modules', name));
  writeFileSync(join(project, 'package.json'), '{ "name": "own", "private": true, "type": "module" }');
  return project;
}

/** Every package in a folder of packages, but for ours. */
function linkAll(from: string, to: string): void {
  for (const name of readdirSync(from)) {
    if (name.startsWith('.') || name === '@meetcast') continue;
    const names = name.startsWith('@')
      ? readdirSync(join(from, name)).map((inner) => `${name}/${inner}`)
      : [name];
    for (const each of names) link(join(from, each), join(to, each));
  }
}

function link(from: string, to: string): void {
  if (existsSync(to)) return;
  mkdirSync(dirname(to), { recursive: true });
  symlinkSync(from, to);
}

describe('in a project of its own', () => {
  let project: string;
  beforeAll(() => {
    project = projectWithPackages();
  }, patient.timeout);
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  /** What the compiler has against a file; nothing, if it is fine. */
  function compiled(file: string): string {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const flags = [
      '--noEmit',
      '--strict',
      '--exactOptionalPropertyTypes',
      '--skipLibCheck',
      '--noUnusedLocals',
    ];
    const options = [
      '--module',
      'NodeNext',
      '--moduleResolution',
      'NodeNext',
      '--target',
      'ES2023',
      '--types',
      'node',
    ];
    try {
      return execFileSync(process.execPath, [tsc, ...flags, ...options, file], { cwd: project }).toString();
    } catch (error) {
      return String((error as { stdout: Buffer }).stdout);
    }
  }

  test.each(['mts', 'cts'])(
    'every adapter can be written from the exported types alone (%s)',
    patient,
    (extension) => {
      const file = `own-adapters.${extension}`;
      copyFileSync(join(root, 'tests/support/own-adapters.ts'), join(project, file));
      expect(compiled(file)).toBe('');
    },
  );

  test.each(['mts', 'cts'])('the other doors have their types too (%s)', patient, (extension) => {
    const file = `doors.${extension}`;
    const lines = [
      `import type { Cluster, Recognizer, Store } from '@meetcast/server';`,
      `import { deepgram } from '@meetcast/server/deepgram';`,
      `import { type RedisConnectOptions, type RedisRegistryOptions, redis } from '@meetcast/server/redis';`,
      `import { type SqliteOptions, sqliteStore } from '@meetcast/server/sqlite';`,
      `import { speak } from '@meetcast/testing';`,
      `export const recognizer: Recognizer = deepgram({ apiKey: 'x' });`,
      `export const cluster = (options: RedisConnectOptions & RedisRegistryOptions): Cluster => redis(options);`,
      `export const store = (options: SqliteOptions): Store => sqliteStore(options);`,
      `export const spoken = speak;`,
    ];
    writeFileSync(join(project, file), lines.join('\n'));
    expect(compiled(file)).toBe('');
  });

  test('what is not exported is missed', patient, () => {
    writeFileSync(join(project, 'missing.mts'), `export type { Missing } from '@meetcast/server';`);
    expect(compiled('missing.mts')).toContain("has no exported member 'Missing'");
  });
});

test('a hub of adapters of one’s own answers', async () => {
  const hub = ownHub();
  const answer = await hub.fetch(new Request('http://hub/api/v1/health'));
  expect(answer?.status).toBe(200);
  expect(await hub.meeting({ tenant: 'acme', id: 'm' }).status('live', 'it begins')).toBe(1);
  await hub.close();
});
