/** A project of somebody else: our packages in it as they are published, and nothing downloaded. */
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface PackedProject {
  readonly path: string;
  remove(): void;
}

/**
 * An empty project with these packages of ours, packed and unpacked, and what they depend on. `beside` is what else the
 * project has: where the workspace has it, such as `packages/server/node_modules/pg`.
 */
export function packedProject(names: readonly string[], beside: readonly string[]): PackedProject {
  const path = mkdtempSync(join(tmpdir(), 'meetcast-packed-'));
  const remove = () => rmSync(path, { recursive: true, force: true });
  try {
    fill(path, names, beside);
  } catch (error) {
    remove();
    throw error;
  }
  return { path, remove };
}

function fill(path: string, names: readonly string[], beside: readonly string[]): void {
  for (const name of names) install(name, path);
  const needed = names.flatMap((name) =>
    dependenciesOf(name).map((other) => `packages/${name}/node_modules/${other}`),
  );
  for (const place of new Set([...needed, ...beside])) link(place, path);
  writeFileSync(join(path, 'package.json'), '{ "name": "own", "private": true, "type": "module" }');
}

function install(name: string, project: string): void {
  const tarball = join(project, `${name}.tgz`);
  const pack = ['-y', 'pnpm@10.34.9', 'pack', '--out', tarball];
  execFileSync('npx', pack, { cwd: join(root, 'packages', name), stdio: 'ignore' });
  const to = join(project, 'node_modules/@meetcast', name);
  mkdirSync(to, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', to, '--strip-components=1']);
}

/** Packages of others. */
function dependenciesOf(name: string): string[] {
  const manifest: { dependencies?: Record<string, string> } = JSON.parse(
    readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'),
  );
  return Object.keys(manifest.dependencies ?? {}).filter((other) => !other.startsWith('@meetcast/'));
}

/** Several of ours may depend on it: the first one's is taken. */
function link(place: string, project: string): void {
  const [, name = ''] = place.split('node_modules/');
  const to = join(project, 'node_modules', name);
  mkdirSync(dirname(to), { recursive: true });
  try {
    symlinkSync(realpathSync(join(root, place)), to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
