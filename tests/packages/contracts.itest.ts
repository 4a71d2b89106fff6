/** The contracts as an adapter's author has them: from packed packages, in a project of their own. */
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Unpacks what would be published, without what it depends on. */
function install(name: string, project: string): void {
  const to = join(project, 'node_modules/@meetcast', name);
  mkdirSync(to, { recursive: true });
  const packed = join(project, `${name}-packed`);
  mkdirSync(packed);
  const pack = ['-y', 'pnpm@10.34.9', 'pack', '--pack-destination', packed];
  execFileSync('npx', pack, { cwd: join(root, 'packages', name), stdio: 'ignore' });
  const [tarball = ''] = readdirSync(packed);
  execFileSync('tar', ['-xzf', join(packed, tarball), '-C', to, '--strip-components=1']);
}

/** A package of somebody else, where the workspace has it. */
function link(name: string, from: string, project: string): void {
  const to = join(project, 'node_modules', name);
  mkdirSync(dirname(to), { recursive: true });
  symlinkSync(realpathSync(join(root, from, 'node_modules', name)), to);
}

const adapters = `
import { memoryBus, memoryRegistry, memoryStore } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { startDeepgramSimulator } from '@meetcast/testing';
import { busContract, recognizerContract, registryContract, storeContract } from '@meetcast/testing/contracts';

storeContract('the store', memoryStore);
busContract('the bus', () => {
  const bus = memoryBus();
  return { nodes: [bus, bus] };
});
registryContract('the registry', () => {
  const registry = memoryRegistry();
  return { nodes: [registry, registry] };
});
recognizerContract('the recognizer', async () => {
  const simulator = await startDeepgramSimulator({ pace: 0 });
  return {
    recognizer: deepgram({ apiKey: 'key', endpoint: simulator.url }),
    refuse() {
      simulator.fault({ kind: 'refuse', status: 503, times: 1 });
      return { status: 503, words: 'Please try again later', isRetryable: true };
    },
    drop: (cleanly) => simulator.fault(cleanly ? { kind: 'close', code: 1000 } : { kind: 'rst' }),
    crawl: () => simulator.fault({ kind: 'slow-reader', bytesPerSecond: 2_000_000 }),
    openStreams: () => simulator.streams.filter((stream) => stream.open).length,
    leave: async () => simulator.fault({ kind: 'away' }),
    close: () => simulator.close(),
  };
});
`;

test('an adapter is checked from the packed packages, in an empty project', () => {
  const project = mkdtempSync(join(tmpdir(), 'meetcast-contracts-'));
  onTestFinished(() => rmSync(project, { recursive: true, force: true }));
  for (const name of ['protocol', 'server', 'testing']) install(name, project);
  for (const name of ['@deepgram/sdk', 'jose', 'ws', 'zod']) link(name, 'packages/server', project);
  link('vitest', '.', project);
  writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }');
  writeFileSync(join(project, 'adapters.test.js'), adapters);
  const cli = join(project, 'node_modules/vitest/vitest.mjs');
  const out = execFileSync(process.execPath, [cli, 'run', '--reporter=json'], {
    cwd: project,
    encoding: 'utf8',
  });
  const report: { numPassedTests: number; numTotalTests: number } = JSON.parse(out.slice(out.indexOf('{')));
  expect(report.numTotalTests).toBeGreaterThan(120);
  expect(report.numPassedTests).toBe(report.numTotalTests);
});
