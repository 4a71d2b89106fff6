/** The packages as they are published: packed, put into an empty project, and compiled there. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownHub } from '../support/own-adapters.ts';
import { type PackedProject, packedProject } from '../support/packed-project.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const patient = { timeout: 300_000 };

/** What a project brings that writes adapters, and wants Redis, SQLite and PostgreSQL too. */
const beside = [
  ...['@types/node', '@types/ws', 'vitest'].map((name) => `node_modules/${name}`),
  ...['ioredis', 'libsql', 'pg', '@types/pg'].map((name) => `packages/server/node_modules/${name}`),
];

describe('in a project of its own', () => {
  let project: PackedProject;
  beforeAll(() => {
    project = packedProject(['protocol', 'server', 'client', 'testing'], beside);
  }, patient.timeout);
  afterAll(() => project.remove());

  /**
   * What the compiler has against a file and against our declarations, which it looks into: one that imports what is not
   * there would be `any`. Those of others are not ours to mend.
   */
  function compiled(file: string, ...more: string[]): string {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const flags = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUnusedLocals'];
    const options = ['--module', 'NodeNext', '--target', 'ES2023', '--types', 'node'];
    try {
      execFileSync(process.execPath, [tsc, ...flags, ...options, ...more, file], { cwd: project.path });
      return '';
    } catch (error) {
      const { stdout } = error as { stdout: Buffer };
      // What belongs to a complaint is indented below it.
      const complaints = stdout.toString().split(/\n(?=\S)/);
      return complaints.filter((text) => !/^(\.\.|node_modules)\/(?!@meetcast\/)/.test(text)).join('\n');
    }
  }

  test.each([
    ['mts', 'own-adapters'],
    ['cts', 'own-adapters'],
    ['mts', 'own-program'],
    ['cts', 'own-program'],
  ])(
    'adapters and programs can be written from the exported types alone (%s, %s)',
    patient,
    (extension, name) => {
      const file = `${name}.${extension}`;
      copyFileSync(join(root, `tests/support/${name}.ts`), join(project.path, file));
      expect(compiled(file)).toBe('');
    },
  );

  test('so they can for a browser', patient, () => {
    copyFileSync(join(root, 'tests/support/own-program.ts'), join(project.path, 'in-browser.mts'));
    expect(compiled('in-browser.mts', '--customConditions', 'browser')).toBe('');
  });

  test('a declaration of ours that imports what is not there is no silent any', patient, () => {
    const broken = join(project.path, 'node_modules/@meetcast/broken');
    mkdirSync(broken);
    writeFileSync(join(broken, 'package.json'), '{ "type": "module", "types": "./index.d.ts" }');
    writeFileSync(join(broken, 'index.d.ts'), `import { X } from 'nowhere';\nexport declare const x: X;`);
    writeFileSync(
      join(project.path, 'broken.mts'),
      `export const x: string = (await import('@meetcast/broken')).x;`,
    );
    expect(compiled('broken.mts')).toContain("Cannot find module 'nowhere'");
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
