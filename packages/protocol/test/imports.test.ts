import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const folder = new URL('../src/', import.meta.url);
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
);

test.each(files)('%s imports only zod/mini and its neighbours', (name) => {
  const source = readFileSync(new URL(name, folder), 'utf8');
  const imported = ts.preProcessFile(source, true, true).importedFiles.map(({ fileName }) => fileName);
  expect(imported.filter((from) => from !== 'zod/mini' && !/^\.\/[a-z-]+\.ts$/.test(from))).toEqual([]);
});

test('the sources compile with neither Node nor DOM types: the language is all they use', {
  timeout: 60_000,
}, () => {
  const program = ts.createProgram([fileURLToPath(new URL('index.ts', folder))], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.es2023.d.ts'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    noEmit: true,
    allowImportingTsExtensions: true,
  });
  const complaints = ts.getPreEmitDiagnostics(program);
  expect(complaints.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
});
