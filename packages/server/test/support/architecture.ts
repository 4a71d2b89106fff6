/** Who may import whom, as design.md has it, checked over a list of sources. Pure. */
import { posix } from 'node:path';
import ts from 'typescript';

export interface SourceFile {
  /** From the root of the repository: `packages/server/src/room.ts`. */
  readonly path: string;
  readonly text: string;
}

interface Import {
  readonly from: string;
  /** A file of the repository, or the name of a package. */
  readonly to: string;
}

/** Which packages of the workspace each of them may build on. */
const mayUse: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  server: ['protocol'],
  client: ['protocol'],
  cli: ['protocol', 'server', 'client'],
};

/** The contracts, one per folder of adapters; `auth` is one of them. */
const contracts: Readonly<Record<string, string>> = {
  store: 'store.ts',
  bus: 'bus.ts',
  registry: 'registry.ts',
  recognizer: 'recognizer.ts',
  auth: 'authenticator.ts',
};

/** What a host picks from; whatever else is in their folders helps one of them. */
const adapters = new Set(['memory', 'sqlite', 'postgres', 'redis', 'deepgram', 'resilient', 'jwt']);

/** Small things without a side that adapters may build on too. */
const shared = new Set([
  'meeting.ts',
  'errors.ts',
  'message.ts',
  'async-queue.ts',
  'remote.ts',
  'utterance.ts',
  'retractions.ts',
]);

const wiring = new Set(['hub.ts', 'index.ts', 'redis.ts']);

function importsOf({ path, text }: SourceFile): Import[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => ({
    from: path,
    to: fileName.startsWith('.') ? posix.join(posix.dirname(path), fileName) : fileName,
  }));
}

/** Every import that design.md forbids, as a sentence. */
export function forbiddenImports(files: readonly SourceFile[]): string[] {
  return files.flatMap(importsOf).flatMap(({ from, to }) => {
    const reason = betweenPackages(from, to) ?? insideServer(from, to);
    return reason === undefined ? [] : [`${from} imports ${to}: ${reason}`];
  });
}

function betweenPackages(from: string, to: string): string | undefined {
  const [, own = ''] = /^packages\/([^/]+)\//.exec(from) ?? [];
  const [, other] = /^@meetcast\/([^/]+)/.exec(to) ?? [];
  if (other !== undefined) {
    return mayUse[own]?.includes(other)
      ? undefined
      : `${own} may build on ${mayUse[own]?.join(', ') || 'nothing'}`;
  }
  const isInside = !to.startsWith('packages/') || to.startsWith(`packages/${own}/`);
  return isInside ? undefined : 'packages meet by name, not by path';
}

const serverSource = 'packages/server/src/';

function insideServer(from: string, to: string): string | undefined {
  if (!from.startsWith(serverSource) || !to.startsWith(serverSource)) return undefined;
  const [importer, imported] = [placeOf(from), placeOf(to)];
  if (imported.role === 'wiring') {
    return importer.file === 'index.ts' ? undefined : 'only index.ts shows what hub.ts wires';
  }
  switch (importer.role) {
    case 'testing':
      return imported.role === 'testing' ? undefined : 'the simulator knows nothing of the hub';
    case 'contract':
      return imported.role === 'shared' || imported.role === 'contract'
        ? undefined
        : 'a contract stands on shared types';
    case 'adapter':
    case 'helper':
      return besideContract(importer, imported);
    case 'wiring':
      return imported.role === 'testing' ? 'the hub has no simulated path' : undefined;
    case 'shared':
    case 'core':
      return ['core', 'shared', 'contract'].includes(imported.role)
        ? undefined
        : 'the core imports contracts, never http and never an adapter';
    case 'http':
      return ['core', 'shared', 'contract', 'http'].includes(imported.role)
        ? undefined
        : 'http knows no adapter';
  }
}

function besideContract(importer: Place, imported: Place): string | undefined {
  if (imported.role === 'shared' || imported.folder === 'redis') return undefined;
  if (imported.folder !== importer.folder) return 'an adapter imports its own contract and shared types';
  return imported.role === 'adapter' && importer.role === 'adapter'
    ? 'adapters do not import each other'
    : undefined;
}

interface Place {
  readonly folder: string;
  readonly file: string;
  readonly role: 'testing' | 'contract' | 'adapter' | 'helper' | 'wiring' | 'http' | 'shared' | 'core';
}

function placeOf(path: string): Place {
  const parts = path.slice(serverSource.length).split('/');
  const file = parts.at(-1) ?? '';
  const folder = parts.slice(0, -1).join('/');
  return { folder, file, role: roleOf(folder, file) };
}

function roleOf(folder: string, file: string): Place['role'] {
  if (folder === 'testing') return 'testing';
  if (folder === 'http') return 'http';
  if (folder === 'late') return 'core';
  if (folder !== '') {
    if (contracts[folder] === file || file === 'search-terms.ts') return 'contract';
    return adapters.has(file.replace(/\.ts$/, '')) ? 'adapter' : 'helper';
  }
  if (wiring.has(file)) return 'wiring';
  return shared.has(file) ? 'shared' : 'core';
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

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
