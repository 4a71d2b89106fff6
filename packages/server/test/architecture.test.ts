import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  circles,
  consoleCalls,
  forbiddenImports,
  linesOf,
  loadedWith,
  misplacedTests,
  oversized,
  type SourceFile,
  stations,
} from './support/architecture.ts';

const root = new URL('../../../', import.meta.url);
const packages = ['protocol', 'server', 'client', 'testing', 'cli'] as const;

function filesIn(folder: string): SourceFile[] {
  return readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => ({
      path: `${folder}${path}`,
      text: readFileSync(new URL(`${folder}${path}`, root), 'utf8'),
    }));
}

const of = (name: string) => filesIn(`packages/${name}/src/`);
const files = packages.flatMap(of);

describe('the sources', () => {
  test('imports run downhill, and packages build only on those that they may', () => {
    expect(files.length).toBeGreaterThan(80);
    expect(forbiddenImports(files)).toEqual([]);
  });

  test('nowhere do files import each other in a circle', () => {
    expect(circles(files)).toEqual([]);
  });

  test('importing the hub loads no vendor but ws and jose', () => {
    const loaded = [...loadedWith('packages/server/src/index.ts', files)].filter(
      (name) => !name.startsWith('node:'),
    );
    expect(loaded.toSorted()).toEqual(['@meetcast/protocol', 'jose', 'ws', 'zod/mini']);
  });

  test('no function is above sixty lines, no file above six hundred, no class above fifteen fields', () => {
    expect(files.flatMap((file) => oversized(file, { functionLines: 60, classFields: 15 }))).toEqual([]);
    expect(files.filter((file) => linesOf(file) > 600).map(({ path }) => path)).toEqual([]);
  });

  test('tests mirror the folders', () => {
    const within = (path: string) => path.split('/').slice(3).join('/');
    const misplaced = packages.flatMap((name) => {
      const tests = filesIn(`packages/${name}/test/`).filter(({ path }) => path.endsWith('.test.ts'));
      return misplacedTests(
        tests.map(({ path }) => within(path)),
        of(name).map(({ path }) => within(path)),
      );
    });
    expect(misplaced).toEqual([]);
    const own = readdirSync(new URL('packages/server/test/', root)).filter((name) =>
      name.endsWith('.test.ts'),
    );
    const faces = stations
      .filter((name) => name.endsWith('.ts'))
      .map((name) => name.replace('.ts', '.test.ts'));
    expect(own.filter((name) => name !== 'architecture.test.ts' && !faces.includes(name))).toEqual([]);
  });

  test('what server and client each have because they meet in the protocol only is the same, word for word', () => {
    const twins = files.filter(({ path }) => path.endsWith('/process-birth.ts'));
    expect(twins.map(({ path }) => path.split('/')[1])).toEqual(['server', 'client']);
    expect(twins[0]?.text).toBe(twins[1]?.text);
  });

  test('libraries say nothing on the console', () => {
    expect(['protocol', 'server', 'client', 'testing'].flatMap(of).flatMap(consoleCalls)).toEqual([]);
  });
});

/** Sources that only import. */
const plant = (path: string, ...imports: string[]): SourceFile[] => [
  { path: `packages/${path}`, text: imports.map((from) => `import { x } from '${from}';`).join('\n') },
];

const mirrored = [
  'link.ts',
  'spool/spool.ts',
  'bus/memory.ts',
  'store/memory.ts',
  'deepgram-results.ts',
  'recognizer/deepgram.ts',
];

describe('the check itself', () => {
  test.each([
    ['protocol/src/codec.ts', '@meetcast/server'],
    ['client/src/link.ts', '@meetcast/server'],
    ['client/src/link.ts', '@meetcast/testing'],
    ['server/src/hub.ts', '@meetcast/client'],
    ['server/src/hub.ts', '@meetcast/testing'],
    ['server/src/hub.ts', '../../client/src/index.ts'],
    ['server/src/hub.ts', '../../protocol/src/index.ts'],
    ['testing/src/simulator/simulator.ts', '@meetcast/server'],
    ['testing/src/contracts/store.ts', '@meetcast/client'],
    ['server/src/viewers/room.ts', '../http/node.ts'],
    ['server/src/viewers/room.ts', '../ingest/session.ts'],
    ['server/src/viewers/room.ts', '../hub.ts'],
    ['server/src/viewers/rooms.ts', '../index.ts'],
    ['server/src/transcription/segmenter.ts', '../late-hearing/hearing.ts'],
    ['server/src/lib/errors.ts', '../store/memory.ts'],
    ['server/src/store/memory.ts', '../viewers/room.ts'],
    ['server/src/store/memory.ts', '../bus/bus.ts'],
    ['server/src/recognizer/deepgram.ts', '../recovery/resilient.ts'],
    ['server/src/registry/redis.ts', '../bus/redis.ts'],
    ['server/src/somewhere/else.ts', '../lib/errors.ts'],
    ['server/src/hub.ts', './somewhere.ts'],
  ])('%s may not import %s', (path, to) => {
    expect(forbiddenImports(plant(path, to))).toHaveLength(1);
  });

  test.each([
    ['cli/src/main.ts', ['@meetcast/server/deepgram', '@meetcast/client', '@meetcast/testing', 'commander']],
    ['testing/src/contracts/store.ts', ['@meetcast/server', '../tone-language/speak.ts']],
    ['testing/src/chaos/stage.ts', ['@meetcast/server', '@meetcast/client']],
    ['server/src/viewers/room.ts', ['../bus/bus.ts', '../log/transcript-log.ts', './rooms.ts', 'ws']],
    ['server/src/store/postgres.ts', ['./store.ts', '../lib/errors.ts', 'pg']],
    ['server/src/hub.ts', ['./bus/memory.ts', './http/node.ts', './viewers/room.ts']],
    ['server/src/index.ts', ['./hub.ts', './store/memory.ts']],
  ])('%s may import what it needs', (path, imports) => {
    expect(forbiddenImports(plant(path, ...imports))).toEqual([]);
  });

  test('an import is found however it is written', () => {
    const ways = [
      `import type { A } from '../http/node.ts';`,
      `import '../http/node.ts';`,
      `export { a } from '../http/node.ts';`,
      `export * from '../http/node.ts';`,
      `const a = await import('../http/node.ts');`,
      `type A = import('../http/node.ts').A;`,
      `const a = require('../http/node.ts');`,
    ];
    for (const text of ways) {
      expect(forbiddenImports([{ path: 'packages/server/src/viewers/room.ts', text }])).toHaveLength(1);
    }
    const comment = `// import { a } from '../http/node.ts';\n/* import '../http/node.ts' */`;
    expect(forbiddenImports([{ path: 'packages/server/src/viewers/room.ts', text: comment }])).toEqual([]);
  });

  test('a vendor is found behind any number of files', () => {
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

  test('the console is found in code, and not in comments and texts', () => {
    const said = (text: string) => consoleCalls({ path: 'a.ts', text });
    expect(said(`if (x) console.warn('hm');`)).toEqual(['a.ts:1']);
    expect(said(`const { log } = console;`)).toEqual(['a.ts:1']);
    expect(said(`globalThis.console.log(1);`)).toEqual(['a.ts:1']);
    expect(said(`// console.log(1)\n/** console.log(2) */ const a = 'console.log(3)';`)).toEqual([]);
  });

  test.each([
    ['spool.test.ts', 'in spool'],
    ['spool-crash.test.ts', 'in spool'],
    ['other/link.test.ts', 'in .'],
    ['memory.test.ts', 'in bus or store'],
    ['spool/link-clock.test.ts', 'in .'],
    ['elsewhere/whole.test.ts', 'in a folder of the sources'],
  ])('%s belongs %s', (path, where) => {
    expect(misplacedTests([path], mirrored)).toEqual([`${path} belongs ${where}`]);
  });

  test.each([
    'link.test.ts',
    'link-clock.test.ts',
    'spool/spool.test.ts',
    'spool/spool-crash.test.ts',
    'store/memory.test.ts',
    'bus/memory.test.ts',
    'spool/whole.test.ts',
    'whole.test.ts',
    'deepgram-results.test.ts',
  ])('%s lies where its source does', (path) => {
    expect(misplacedTests([path], mirrored)).toEqual([]);
  });

  test('lines are counted as an editor does', () => {
    const long = { path: 'a.ts', text: 'x\n'.repeat(401) };
    expect([linesOf(long), linesOf({ path: 'a.ts', text: 'x' })]).toEqual([401, 1]);
  });

  test('a circle is found however long it is, and told once', () => {
    const ring = [
      ...plant('server/src/lib/a.ts', './b.ts'),
      ...plant('server/src/lib/b.ts', './c.ts'),
      ...plant('server/src/lib/c.ts', './a.ts'),
      ...plant('server/src/lib/d.ts', './a.ts', './c.ts'),
    ];
    expect(circles(ring)).toHaveLength(1);
    expect(circles(ring.slice(1))).toEqual([]);
  });

  test('long functions and wide classes are found, wherever they stand', () => {
    const most = { functionLines: 3, classFields: 1 };
    const found = (text: string) => oversized({ path: 'a.ts', text }, most);
    expect(found(`const f = () => {\n1;\n2;\n};`)).toHaveLength(1);
    expect(found(`class A {\n  m() {\n1;\n2;\n}\n}`)).toHaveLength(1);
    expect(found(`class A { #a = 1; b = 2; }`)).toHaveLength(1);
    expect(found(`function f() {\n1;\n}\nclass A { #a = 1; get b() { return 2; } }`)).toEqual([]);
  });
});
