/** What a browser gets. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import * as browser from '../src/index.browser.ts';
import * as node from '../src/index.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

interface Bundler {
  build(options: object): Promise<{
    metafile: { inputs: Record<string, unknown>; outputs: Record<string, { imports: { path: string }[] }> };
  }>;
}

/** esbuild comes with tsup, and is not this package's to import by name. */
function bundler(): Bundler {
  const tsup = createRequire(path('../../../package.json')).resolve('tsup');
  return createRequire(tsup)('esbuild');
}

test('the browser entry bundles without ws or anything of Node', async () => {
  const { metafile } = await bundler().build({
    entryPoints: [path('../src/index.browser.ts')],
    alias: { '@meetcast/protocol': path('../../protocol/src/index.ts') },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    metafile: true,
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs.some((input) => input.endsWith('client/src/native.ts'))).toBe(true);
  expect(inputs.filter((input) => /node_modules\/ws\/|src\/ws\.ts$/.test(input))).toEqual([]);
  expect(Object.values(metafile.outputs).flatMap((output) => output.imports)).toEqual([]);
});

test('both entries offer the same names', () => {
  expect(Object.keys(browser).sort()).toEqual(Object.keys(node).sort());
});
