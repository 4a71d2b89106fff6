/** How the sources may stand, as docs/architecture.md has it, checked over a list of files. Pure. */
import { posix } from 'node:path';
import ts from 'typescript';

export interface SourceFile {
  /** From the root of the repository: `packages/server/src/viewers/room.ts`. */
  readonly path: string;
  readonly text: string;
}

/** Which packages of the workspace each of them may build on. */
const mayUse: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  server: ['protocol'],
  client: ['protocol'],
  testing: [],
  'testing/contracts': ['protocol', 'server'],
  'testing/chaos': ['protocol', 'server', 'client'],
  cli: ['protocol', 'server', 'client', 'testing'],
};

/** The server's stations, in the order of the data's way: each may import only what stands below it. */
export const stations = [
  'index.ts',
  'redis.ts',
  'postgres.ts',
  'sqlite.ts',
  'deepgram.ts',
  'hub.ts',
  'hub-options.ts',
  'http',
  'ingest',
  'late-hearing',
  'viewers',
  'transcription',
  'log',
  'socket',
  'cluster-reach.ts',
  'bus',
  'registry',
  'watch',
  'recovery',
  'recognizer',
  'store',
  'redis',
  'auth',
  'lib',
];

const serverSource = 'packages/server/src/';

interface Import {
  readonly from: string;
  /** A file of the repository, or the name of a package. */
  readonly to: string;
}

function importsOf({ path, text }: SourceFile): Import[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => ({
    from: path,
    to: fileName.startsWith('.') ? posix.join(posix.dirname(path), fileName) : fileName,
  }));
}

/** Every import that goes uphill, or from one package into another that it may not build on: as a sentence. */
export function forbiddenImports(files: readonly SourceFile[]): string[] {
  return files.flatMap(importsOf).flatMap(({ from, to }) => {
    const reason = betweenPackages(from, to) ?? uphill(from, to);
    return reason === undefined ? [] : [`${from} imports ${to}: ${reason}`];
  });
}

function betweenPackages(from: string, to: string): string | undefined {
  const [, own = '', room = ''] =
    /^packages\/([^/]+)\/src\/([^/]+)\//.exec(from) ?? /^packages\/([^/]+)\//.exec(from) ?? [];
  const [, other] = /^@meetcast\/([^/]+)/.exec(to) ?? [];
  const allowed = mayUse[`${own}/${room}`] ?? mayUse[own] ?? [];
  if (other !== undefined) {
    return allowed.includes(other) ? undefined : `${own} may build on ${allowed.join(', ') || 'nothing'}`;
  }
  const isInside = !to.startsWith('packages/') || to.startsWith(`packages/${own}/`);
  return isInside ? undefined : 'packages meet by name, not by path';
}

function uphill(from: string, to: string): string | undefined {
  if (!from.startsWith(serverSource) || !to.startsWith(serverSource)) return undefined;
  const [importer, imported] = [stationOf(from), stationOf(to)];
  const [high, low] = [stations.indexOf(importer), stations.indexOf(imported)];
  if (high < 0 || low < 0) return `${high < 0 ? importer : imported} is no station`;
  return importer === imported || high < low ? undefined : `${imported} stands above ${importer}`;
}

const stationOf = (path: string): string => path.slice(serverSource.length).split('/')[0] ?? '';

/** Files that import each other in a circle, each circle as one sentence. */
export function circles(files: readonly SourceFile[]): string[] {
  const imports = new Map(files.map((file) => [file.path, importsOf(file).map(({ to }) => to)]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path);
    if (at >= 0) found.push([...way.slice(at), path].join(' → '));
    if (at >= 0 || done.has(path)) return;
    for (const next of imports.get(path) ?? []) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return found;
}

/** The packages that are loaded with a file, by way of everything it imports. */
export function loadedWith(path: string, files: readonly SourceFile[]): Set<string> {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const seen = new Set<string>();
  const packages = new Set<string>();
  const open = [path];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const file = byPath.get(next);
    if (!file || seen.has(next)) continue;
    seen.add(next);
    for (const { to } of importsOf(file)) {
      if (to.startsWith('packages/')) open.push(to);
      else packages.add(to);
    }
  }
  return packages;
}

/** A function's name with its lines, a class's with its fields: of those that are above a bound. */
export function oversized(file: SourceFile, most: { functionLines: number; classFields: number }): string[] {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2022, true);
  const lineOf = (position: number) => source.getLineAndCharacterOfPosition(position).line + 1;
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const from = lineOf(node.getStart(source));
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const lines = lineOf(node.end) - from + 1;
      if (lines > most.functionLines) found.push(`${file.path}:${from} has a function of ${lines} lines`);
    }
    if (ts.isClassLike(node)) {
      const fields = node.members.filter(ts.isPropertyDeclaration).length;
      if (fields > most.classFields) found.push(`${file.path}:${from} has a class of ${fields} fields`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Where a source says something on the console, comments and texts aside. */
export function consoleCalls({ path, text }: SourceFile): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022);
  const calls: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && node.text === 'console') {
      calls.push(`${path}:${source.getLineAndCharacterOfPosition(node.pos).line + 1}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return calls;
}

export const linesOf = ({ text }: SourceFile): number =>
  text.split('\n').length - (text.endsWith('\n') ? 1 : 0);

/**
 * Tests of one package that do not lie where its sources do, each as a sentence. A test is named like its source, and
 * perhaps after that for what it tests of it: `session-end.test.ts`. One that is named like none has any folder there is.
 * Paths are those within `src` and `test`.
 */
export function misplacedTests(tests: readonly string[], sources: readonly string[]): string[] {
  const folders = new Set(sources.map((path) => posix.dirname(path)));
  return tests.flatMap((test) => {
    const named = sourcesNamedLike(posix.basename(test, '.test.ts'), sources).map((path) =>
      posix.dirname(path),
    );
    const folder = posix.dirname(test);
    if (named.length > 0 ? named.includes(folder) : folders.has(folder)) return [];
    return [
      `${test} belongs ${named.length > 0 ? `in ${named.join(' or ')}` : 'in a folder of the sources'}`,
    ];
  });
}

/** By the whole name, or else by as much of it as one is named. */
function sourcesNamedLike(name: string, sources: readonly string[]): string[] {
  const found = sources.filter((path) => posix.basename(path, '.ts') === name);
  const dash = name.lastIndexOf('-');
  return found.length > 0 || dash < 0 ? found : sourcesNamedLike(name.slice(0, dash), sources);
}
