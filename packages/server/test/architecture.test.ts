import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  consoleCalls,
  forbiddenImports,
  linesOf,
  loadedWith,
  median,
  type SourceFile,
} from './support/architecture.ts';

const root = new URL('../../../', import.meta.url);
const packages = ['protocol', 'server', 'client', 'cli'] as const;

const files: SourceFile[] = packages.flatMap((name) => {
  const folder = new URL(`packages/${name}/src/`, root);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => ({
      path: `packages/${name}/src/${path}`,
      text: readFileSync(new URL(path, folder), 'utf8'),
    }));
});

const of = (name: string) => files.filter(({ path }) => path.startsWith(`packages/${name}/`));

describe('the sources', () => {
  test('[ARCH1] nobody imports whom design.md forbids', () => {
    expect(files.length).toBeGreaterThan(80);
    expect(forbiddenImports(files)).toEqual([]);
  });

  test('[ARCH2] importing the hub loads no vendor but ws and jose', () => {
    const loaded = [...loadedWith('packages/server/src/index.ts', files)].filter(
      (name) => !name.startsWith('node:'),
    );
    expect(loaded.toSorted()).toEqual(['@meetcast/protocol', 'jose', 'ws', 'zod/mini']);
  });

  test('[ARCH3] no source is above four hundred lines, and half of each package’s are below a hundred', () => {
    const long = files.filter((file) => linesOf(file) > 400).map(({ path }) => path);
    expect(long).toEqual([]);
    for (const name of packages) expect(median(of(name).map(linesOf))).toBeLessThan(100);
  });

  test('[ARCH4] there is one level of folders inside src', () => {
    expect(files.filter(({ path }) => path.split('/').length > 5).map(({ path }) => path)).toEqual([]);
  });

  test('[ARCH5] libraries say nothing on the console', () => {
    expect(['protocol', 'server', 'client'].flatMap(of).flatMap(consoleCalls)).toEqual([]);
  });
});

/** Sources that only import. */
const plant = (path: string, ...imports: string[]): SourceFile[] => [
  { path: `packages/${path}`, text: imports.map((from) => `import { x } from '${from}';`).join('\n') },
];

describe('the check itself', () => {
  test.each([
    ['protocol/src/codec.ts', '@meetcast/server'],
    ['client/src/link.ts', '@meetcast/server'],
    ['client/src/link.ts', '@meetcast/testing'],
    ['server/src/hub.ts', '@meetcast/client'],
    ['server/src/hub.ts', '../../client/src/index.ts'],
    ['server/src/hub.ts', '../../protocol/src/index.ts'],
    ['server/src/room.ts', './bus/memory.ts'],
    ['server/src/room.ts', './http/node.ts'],
    ['server/src/room.ts', './hub.ts'],
    ['server/src/room.ts', './testing/index.ts'],
    ['server/src/rooms.ts', './index.ts'],
    ['server/src/segmenter.ts', './recognizer/deepgram.ts'],
    ['server/src/segmenter.ts', './recognizer/deepgram-results.ts'],
    ['server/src/transcript-log.ts', './store/postgres.ts'],
    ['server/src/errors.ts', './store/memory.ts'],
    ['server/src/http/rest.ts', '../store/memory.ts'],
    ['server/src/http/rest.ts', '../auth/jwt.ts'],
    ['server/src/store/memory.ts', '../room.ts'],
    ['server/src/store/memory.ts', '../bus/bus.ts'],
    ['server/src/store/memory.ts', '../bus/memory.ts'],
    ['server/src/store/postgres.ts', './sqlite.ts'],
    ['server/src/store/sql.ts', '../limits.ts'],
    ['server/src/store/store.ts', './memory.ts'],
    ['server/src/recognizer/deepgram.ts', '../segmenter.ts'],
    ['server/src/recognizer/deepgram.ts', '../testing/index.ts'],
    ['server/src/testing/simulator.ts', '../errors.ts'],
    ['server/src/hub.ts', './testing/index.ts'],
  ])('[ARCH6] %s may not import %s', (path, to) => {
    expect(forbiddenImports(plant(path, to))).toHaveLength(1);
  });

  test.each([
    ['cli/src/main.ts', ['@meetcast/server/deepgram', '@meetcast/client', '@meetcast/protocol', 'commander']],
    [
      'server/src/room.ts',
      ['./bus/bus.ts', './transcript-log.ts', './message.ts', '@meetcast/protocol', 'ws'],
    ],
    ['server/src/store/postgres.ts', ['./store.ts', './sql.ts', '../errors.ts', '../meeting.ts', 'pg']],
    ['server/src/hub.ts', ['./bus/memory.ts', './http/node.ts', './room.ts', '../package.json']],
    ['server/src/index.ts', ['./hub.ts', './store/memory.ts']],
    ['server/src/http/websocket.ts', ['../connection.ts', '../auth/authenticator.ts', './routes.ts']],
  ])('[ARCH7] %s may import what it needs', (path, imports) => {
    expect(forbiddenImports(plant(path, ...imports))).toEqual([]);
  });

  test('[ARCH8] an import is found however it is written', () => {
    const ways = [
      `import type { A } from './http/node.ts';`,
      `import './http/node.ts';`,
      `export { a } from './http/node.ts';`,
      `export * from './http/node.ts';`,
      `const a = await import('./http/node.ts');`,
      `type A = import('./http/node.ts').A;`,
      `const a = require('./http/node.ts');`,
    ];
    for (const text of ways) {
      expect(forbiddenImports([{ path: 'packages/server/src/room.ts', text }])).toHaveLength(1);
    }
    const comment = `// import { a } from './http/node.ts';\n/* import './http/node.ts' */`;
    expect(forbiddenImports([{ path: 'packages/server/src/room.ts', text: comment }])).toEqual([]);
  });

  test('[ARCH9] a vendor is found behind any number of files', () => {
    const chain = [
      ...plant('server/src/index.ts', './hub.ts'),
      ...plant('server/src/hub.ts', './recognizer/deepgram.ts', 'node:http'),
      ...plant('server/src/recognizer/deepgram.ts', '@deepgram/sdk', './deepgram.ts'),
    ];
    expect([...loadedWith('packages/server/src/index.ts', chain)].toSorted()).toEqual([
      '@deepgram/sdk',
      'node:http',
    ]);
  });

  test('[ARCH10] the console is found in code, and not in comments and texts', () => {
    const said = (text: string) => consoleCalls({ path: 'a.ts', text });
    expect(said(`if (x) console.warn('hm');`)).toEqual(['a.ts:1']);
    expect(said(`const { log } = console;`)).toEqual(['a.ts:1']);
    expect(said(`globalThis.console.log(1);`)).toEqual(['a.ts:1']);
    expect(said(`// console.log(1)\n/** console.log(2) */ const a = 'console.log(3)';`)).toEqual([]);
  });

  test('[ARCH11] lines are counted as an editor does', () => {
    const long = { path: 'a.ts', text: 'x\n'.repeat(401) };
    expect([linesOf(long), linesOf({ path: 'a.ts', text: 'x' })]).toEqual([401, 1]);
    expect(median([1, 300, 2])).toBe(2);
  });
});
