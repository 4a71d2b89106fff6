/** The contracts as an adapter's author has them: from packed packages, in a project of their own. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { packedProject } from '../support/packed-project.ts';

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
  const { path: project, remove } = packedProject(['protocol', 'server', 'testing'], ['node_modules/vitest']);
  onTestFinished(remove);
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
