/** The packages as they are published: packed, put into an empty project, and compiled there. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownHub } from '../support/own-adapters.ts';
import { type PackedProject, packedProject } from '../support/packed-project.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const patient = { timeout: 300_000 };

/** What a project brings that writes adapters, and wants Redis and SQLite too. */
const beside = [
  ...['@types/node', '@types/ws'].map((name) => `node_modules/${name}`),
  ...['ioredis', 'libsql'].map((name) => `packages/server/node_modules/${name}`),
];

describe('in a project of its own', () => {
  let project: PackedProject;
  beforeAll(() => {
    project = packedProject(['protocol', 'server', 'client', 'testing'], beside);
  }, patient.timeout);
  afterAll(() => project.remove());

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
      return execFileSync(process.execPath, [tsc, ...flags, ...options, file], {
        cwd: project.path,
      }).toString();
    } catch (error) {
      return String((error as { stdout: Buffer }).stdout);
    }
  }

  test.each(['mts', 'cts'])(
    'every adapter can be written from the exported types alone (%s)',
    patient,
    (extension) => {
      const file = `own-adapters.${extension}`;
      copyFileSync(join(root, 'tests/support/own-adapters.ts'), join(project.path, file));
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
    writeFileSync(join(project.path, file), lines.join('\n'));
    expect(compiled(file)).toBe('');
  });

  test('what is not exported is missed', patient, () => {
    writeFileSync(join(project.path, 'missing.mts'), `export type { Missing } from '@meetcast/server';`);
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
